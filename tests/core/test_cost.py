"""A step costs the same however much waits: counted in calls and in entries looked at."""

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import pytest

from prack_grpc.core.abort import AbortCode
from prack_grpc.core.session import Session
from tests.core.building import Desk, a_head

FEW, MANY = 10, 20_000
K, V = TypeVar("K"), TypeVar("V")


class Counted(OrderedDict[K, V]):
    """Counts the entries that a loop over it has seen; other ways to list it are barred."""

    seen = 0
    keys = items = values = None  # type: ignore[assignment]

    def __iter__(self) -> Iterator[K]:
        for key in super().__iter__():
            self.seen += 1
            yield key


class Scene:
    """One worker that holds one exchange, `size` exchanges that wait, the first of them longest."""

    def __init__(self, size: int) -> None:
        self.desk = Desk(queue_requests=2 * MANY, max_sessions=2 * MANY)
        self.session = self.desk.stream()
        self.lease = self.desk.leased()
        self.desk.core.extend(self.lease, 1000, self.desk.now)
        self.first = self.desk.submit()
        self.desk.now += 1
        for _ in range(size // 2):
            self.desk.submit()
        self.some = self.desk.submit(b"x", False)
        for _ in range(size - size // 2):
            self.desk.submit()
        lane, core = self.first.lane, self.desk.core
        lane.waiting = self.waiting = counted(lane.waiting)
        core.exchanges = self.exchanges = counted(core.exchanges)


def counted(mapping: Mapping[K, V]) -> Counted[K, V]:
    result = Counted(mapping.items())
    result.seen = 0
    return result


def calls(act: Callable[[], object]) -> int:
    """The number of functions, ours and built-in ones, that are called."""
    count, before = 0, sys.getprofile()

    def profile(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


def another() -> Session:
    return Session("w2", 1, True, None)


STEPS: dict[str, Callable[[Scene], object]] = {
    "submit": lambda s: s.desk.submit(),
    "answer": lambda s: s.desk.core.head(s.lease, a_head(), True, s.desk.now),
    "refuse": lambda s: s.desk.abort(s.lease, AbortCode.REFUSED),
    "leave in the queue": lambda s: s.desk.core.leave(s.some, s.desk.now),
    "leave in a worker's hands": lambda s: s.desk.core.leave(s.lease.exchange, s.desk.now),
    "upload": lambda s: s.desk.core.upload(s.some, b"x", s.desk.now),
    "join": lambda s: s.desk.core.join(another(), s.desk.now),
    "resize": lambda s: s.desk.core.resize(s.session, 2, s.desk.now),
    "drain": lambda s: s.desk.core.drain(s.session, s.desk.now),
    "lose": lambda s: s.desk.core.lose(s.session, s.desk.now),
    "next deadline": lambda s: s.desk.core.next_deadline(),
    "expire nothing": lambda s: s.desk.core.expire(s.desk.now),
    "expire one": lambda s: s.desk.core.expire(s.desk.now + s.desk.limits.queue_timeout - 0.9),
}


@pytest.mark.parametrize("step", STEPS)
def test_no_step_scans_what_waits(step: str) -> None:
    costs = []
    for size in (FEW, MANY):
        scene = Scene(size)
        costs.append(calls(lambda scene=scene: STEPS[step](scene)))  # type: ignore[misc]
        assert scene.waiting.seen <= 2
        assert scene.exchanges.seen == 0
    assert costs[1] == costs[0]


def test_expire_one_expires_one() -> None:
    scene = Scene(FEW)
    STEPS["expire one"](scene)
    assert scene.first.error
    assert scene.some.error is None


@pytest.mark.parametrize("end", ["answer", "lose"])
def test_no_step_scans_the_workers_that_are_ready(end: str) -> None:
    costs = []
    for size in (FEW, MANY):
        desk = Desk(max_sessions=2 * MANY)
        for _ in range(size):
            desk.stream()
        lane = next(iter(desk.core.queue.sessions)).lanes[0]
        lane.ready = ready = counted(lane.ready)

        def turn(desk: Desk = desk) -> None:
            lease = desk.leased()
            if end == "answer":
                desk.answer(lease)
            else:
                desk.core.lose(lease.session, desk.now)

        costs.append(calls(turn))
        assert ready.seen <= 2
    assert costs[1] == costs[0]


def test_losing_a_worker_costs_what_it_held() -> None:
    costs = {}
    for held in (1, 2, 3, 100):
        desk = Desk()
        session = desk.stream(slots=held)
        for _ in range(held):
            desk.leased()
        costs[held] = calls(lambda desk=desk, session=session: desk.core.lose(session, desk.now))  # type: ignore[misc]
    each = costs[2] - costs[1]
    assert costs[3] - costs[2] == each
    assert costs[100] - costs[3] <= 97 * (each + 1)
