"""What operators have set is there again in the next gateway."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from prack_grpc import state
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy

SPLITS = [
    Split("web", (("v2", 10), ("v1", 90)), Sticky(StickyBy.COOKIE, "session")),
    Split("api", (("", 1),)),
]
NAMES: list[str | tuple[str, str]] = ["w1", ("web", "v0")]


async def broker() -> MemoryBroker:
    return MemoryBroker(Limits())


async def told() -> MemoryBroker:
    gateway = await broker()
    for split in SPLITS:
        gateway.divide(split.service, split)
    for name in NAMES:
        gateway.pause(name, True)
    return gateway


async def test_a_file_carries_it_over_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    after = await broker()
    state.load(after, path)
    status = after.status()
    assert (status.splits, status.paused) == (SPLITS, NAMES)
    assert os.listdir(tmp_path) == ["state.json"]


async def test_no_file_yet_is_fine(tmp_path: Path) -> None:
    gateway = await broker()
    state.load(gateway, tmp_path / "state.json")
    assert state.dump(gateway) == {"traffic": [], "drained": []}


BAD: list[Any] = [
    [],
    {},
    {"traffic": [], "drained": 5},
    {"traffic": [{"service": "web"}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": "x"}, "sticky": None}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": 0}, "sticky": None}], "drained": []},
    {"traffic": [{"service": "web", "weights": {"v1": 1}, "sticky": ["moon", "x"]}], "drained": []},
    {"traffic": [], "drained": [[]]},
]


@pytest.mark.parametrize("value", BAD)
async def test_what_no_gateway_has_written_is_refused_whole(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps(value))
    gateway = await broker()
    with pytest.raises(state.BadState, match="not a state file of a gateway"):
        state.load(gateway, path)
    assert state.dump(gateway) == {"traffic": [], "drained": []}


async def test_what_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"\xff")
    with pytest.raises(state.BadState, match="cannot be read"):
        state.load(await broker(), path)


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
    state.load(await broker(), path)


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
        state.load(await broker(), path)


async def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    os.mkfifo(path)
    with pytest.raises(state.BadState, match="is not a file"):
        state.load(await broker(), path)


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o666])
async def test_a_file_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    path.chmod(mode)
    with pytest.raises(state.BadState, match="chmod 600"):
        state.load(await broker(), path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state.save(await told(), path)
    os.chown(path, 65534, -1)
    with pytest.raises(state.BadState, match="belongs to another user"):
        state.load(await broker(), path)
