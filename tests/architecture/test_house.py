"""What `make house` counts is within its limits, and counted right."""

from functools import cache
from pathlib import Path

import pytest

from scripts import house
from scripts.house import Figure
from scripts.ways import ROOT


@cache
def ways() -> list[Figure]:
    return house.ways()


def within(figure: Figure) -> bool:
    return len(figure.found) <= figure.limit


def test_folders_are_small() -> None:
    found = house.folders(ROOT)
    assert len(found) > 10
    assert not [str(figure) for figure in found if not within(figure)]


@pytest.mark.parametrize("way", range(len(house.WAYS)), ids=list(house.WAYS))
def test_ways_are_short(way: int) -> None:
    assert within(ways()[way]), "\n".join([str(ways()[way]), *ways()[way].found])


def test_nothing_is_imported_in_a_circle() -> None:
    assert len(house.circles(ROOT)) <= house.CIRCLES


def test_types_are_hardly_ever_ignored() -> None:
    assert len(house.ignores(ROOT)) <= house.IGNORES


def test_ways_lead_through_the_floors() -> None:
    rooms = [{Path(file).parts[1] for file in figure.found} for figure in ways()]
    assert rooms[0] >= {"gateway", "broker", "core", "stream"}
    assert rooms[1] >= {"gateway", "broker", "core", "stream"}
    assert rooms[2] >= {"rest", "broker", "core"}
    assert not rooms[2] & {"stream", "gateway"}


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    ignore = "# type: " + "ignore"
    modules = {
        "__init__": "",
        "a": "from prack_grpc import b\n",
        "b": f"import prack_grpc.c  {ignore}\nTEXT = '{ignore}'\n",
        "c": "if TYPE_CHECKING:\n    from prack_grpc.b import TEXT\n",
        "d": "def late():\n    from prack_grpc import a\n",
    }
    (tmp_path / "prack_grpc").mkdir()
    for name, text in modules.items():
        (tmp_path / "prack_grpc" / f"{name}.py").write_text(text)
    assert house.circles(tmp_path) == ["prack_grpc.b - prack_grpc.c"]
    assert house.ignores(tmp_path) == ["prack_grpc/b.py:1"]
    assert [str(one) for one in house.folders(tmp_path)] == ["  4 of 12  files in prack_grpc"]
