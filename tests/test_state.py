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
