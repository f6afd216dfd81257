"""Load in turns: everybody gets its part, and nothing goes on."""

from pathlib import Path

import psutil

from bench.closed_loop import turns
from bench.contenders import Setup, started
from tests.support.tools import needed

NAMES = ("prack-blind", "prack")


def test_all_have_their_turns(tmp_path: Path) -> None:
    needed("wrk", "wrk")
    with started(NAMES, Setup(), tmp_path) as found:
        records = turns(found, 4, 1.0)
    assert [one["errors"] for one in records] == [0, 0]
    assert all(one["rate"] > 0 and one["front_cpu"] > 0 for one in records)
    assert [one for one in psutil.Process().children() if one.name() == "wrk"] == []
