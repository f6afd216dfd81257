"""What operators have set is there again in the next gateway."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.operators.steering import Steering, meshed
from prack_grpc.state import file as state
from prack_grpc.words.word import Word

SPLITS = [
    Split("web", (("v2", 10), ("v1", 90)), Sticky(StickyBy.COOKIE, "session")),
    Split("api", (("", 1),)),
]
NAMES: list[str | tuple[str, str]] = ["w1", ("web", "v0")]


EMPTY: dict[str, Any] = {"traffic": [], "drained": [], "revisions": []}


def of(broker: MemoryBroker) -> Steering:
    return meshed(broker, Cluster("a" * 8), 100)


async def fresh() -> Steering:
    return of(MemoryBroker(Limits()))


async def told() -> Steering:
    gateway = await fresh()
    for split in SPLITS:
        await gateway.divide(split.service, split, None)
    for name in NAMES:
        await gateway.pause(name, True, None)
    return gateway


async def test_a_file_carries_it_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    after = MemoryBroker(Limits())
    state.load(of(after), path)
    status = after.status()
    assert (status.splits, status.paused) == (SPLITS, NAMES)
    assert os.listdir(tmp_path) == ["state.json"]


async def test_what_was_taken_back_is_not_believed_again(tmp_path: Path) -> None:
    before = await told()
    older = before.known()
    await before.pause("w1", False, None)
    await before.divide("api", None, None)
    path = tmp_path / "state.json"
    state.save(before, path)
    broker = MemoryBroker(Limits())
    after = of(broker)
    state.load(after, path)
    for word in older:  # another gateway was away meanwhile
        after.hear(word)
    assert (broker.status().splits, broker.status().paused) == (SPLITS[:1], NAMES[1:])
    assert after.known() == before.known()


async def test_a_file_of_before_there_were_revisions_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"traffic": [], "drained": [["w1"], ["web", "v0"]]}))
    path.chmod(0o600)
    broker = MemoryBroker(Limits())
    steering = of(broker)
    state.load(steering, path)
    assert broker.status().paused == NAMES
    steering.hear(Word(("worker", "w1"), None, (1, "b" * 8)))
    assert broker.status().paused == NAMES[1:]


async def test_no_file_yet_is_fine(tmp_path: Path) -> None:
    gateway = await fresh()
    state.load(gateway, tmp_path / "state.json")
    assert state.dump(gateway) == EMPTY


BAD: list[Any] = [
    [],
    {},
    {"traffic": [], "drained": 5},
    {"traffic": [{"service": "web"}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": "x"}, "sticky": None}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": 0}, "sticky": None}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": 1}, "sticky": ["moon", "x"]}], "drained": []},
    {"traffic": [], "drained": [[]]},
    {"traffic": [], "drained": [["a", "b", "c"]]},
    {"traffic": [], "drained": [], "revisions": [[["worker", "w1"], 5]]},
    {"traffic": [], "drained": [], "revisions": [[["moon"], [5, ""]]]},
]


@pytest.mark.parametrize("value", BAD)
async def test_what_no_gateway_has_written_is_refused_whole(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(value))
    gateway = await fresh()
    with pytest.raises(state.BadState, match="not a state file of a gateway"):
        state.load(gateway, path)
    assert state.dump(gateway) == EMPTY


async def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"\xff")
    with pytest.raises(state.BadState, match="cannot be read"):
        state.load(await fresh(), path)


# ------------------------------------------------------------ other users


async def test_only_the_gateways_user_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.touch(0o644)
    state.save(await told(), path)
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["state.json", "state.json.part"])
async def test_a_planted_link_is_not_written_through(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    (tmp_path / name).symlink_to(other)
    path = tmp_path / "state.json"
    state.save(await told(), path)
    assert other.read_text() == "precious"
    assert not path.is_symlink()
    state.load(await fresh(), path)


async def test_what_could_not_be_written_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        state.save(await told(), path)
    assert os.listdir(tmp_path) == ["state.json"]


async def test_a_planted_link_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), tmp_path / "other")
    path.symlink_to(tmp_path / "other")
    with pytest.raises(state.BadState, match="symbolic link"):
        state.load(await fresh(), path)


async def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    os.mkfifo(path)
    with pytest.raises(state.BadState, match="is not a file"):
        state.load(await fresh(), path)


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o666])
async def test_a_file_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    path.chmod(mode)
    with pytest.raises(state.BadState, match="chmod 600"):
        state.load(await fresh(), path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    os.chown(path, 65534, -1)
    with pytest.raises(state.BadState, match="belongs to another user"):
        state.load(await fresh(), path)
