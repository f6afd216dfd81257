"""A step costs the same however much waits: counted in calls and in entries looked at."""

import gc
import sys
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Any, NoReturn, TypeVar

import pytest

from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Session
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.order import Levels, Line
from prack_grpc.core.queue.traffic import Split
from prack_grpc.core.status import status
from tests.core.building import Desk, a_head, a_request, a_session

FEW, MANY = 10, 4_000
SPLIT = Split("web", (("v1", 1), ("v2", 1)))
VERSION: dict[str, Any] = {"service": "web", "version": "v1"}
T = TypeVar("T", bound=Hashable)


class CountedLine(Line[T]):
    """Counts the entries that a loop over it has seen."""

    seen = 0

    def __iter__(self) -> Iterator[T]:
        for item in super().__iter__():
            self.seen += 1
            yield item

    def unsorted(self) -> list[T]:
        items = super().unsorted()
        self.seen += len(items)
        return items


class CountedLevels(Levels[T]):
    """The same, of sessions."""

    seen = 0

    def __iter__(self) -> Iterator[T]:
        for item in super().__iter__():
            self.seen += 1
            yield item


class CountedExchanges(dict[str, Exchange]):
    """Bars every way to list it."""

    def __iter__(self) -> NoReturn:
        raise AssertionError

    keys = items = values = __iter__


class Scene:
    """One worker that holds one exchange, `size` exchanges that wait, the first of them longest."""

    def __init__(self, size: int, split: Split | None = None) -> None:
        self.desk = Desk(queue_requests=4 * MANY, max_sessions=2 * MANY)
        core = self.desk.core
        core.divide("web", split, self.desk.now)
        self.session = self.desk.stream(**VERSION)
        core.exchanges = self.desk.steps.exchanges = CountedExchanges()
        self.waiting: CountedLine[Exchange] = CountedLine()
        self.uploads: CountedLine[Exchange] = CountedLine()
        the_lane(self.desk).waiting = self.waiting
        the_lane(self.desk).uploads = self.uploads
        self.lease = self.desk.leased()
        core.extend(self.lease, 1000, self.desk.now)
        self.first = self.desk.submit()
        self.desk.now += 1
        for _ in range(size // 2):
            self.desk.submit()
        self.some = self.desk.submit()
        self.coming = self.desk.submit(b"x", False)
        for _ in range(size - size // 2):
            self.desk.submit()
            self.desk.submit(b"x", False)
        assert len(self.waiting) == size + 2


def the_lane(desk: Desk) -> ExchangeLane:
    """Where the requests of a desk wait."""
    return desk.core.queue.lane(a_request(), 0, desk.now)


def calls(act: Callable[[], object]) -> int:
    """The number of functions, ours and built-in ones, that are called."""
    count, before, collects = 0, sys.getprofile(), gc.isenabled()

    def profile(_frame: object, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    # A collection may come at any allocation, and calls what others have left behind.
    gc.disable()
    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return count


STEPS: dict[str, Callable[[Scene], object]] = {
    "submit": lambda s: s.desk.submit(),
    "answer": lambda s: s.desk.answering.begin(s.lease, a_head(), True, s.desk.now),
    "refuse": lambda s: s.desk.abort(s.lease, AbortCode.REFUSED),
    "leave in the queue": lambda s: s.desk.core.leave(s.some, s.desk.now),
    "leave in a worker's hands": lambda s: s.desk.core.leave(s.lease.exchange, s.desk.now),
    "upload": lambda s: s.desk.core.upload(s.coming, b"x", s.desk.now),
    "end an upload": lambda s: s.desk.core.uploaded(s.coming, s.desk.now),
    "leave with an upload": lambda s: s.desk.core.leave(s.coming, s.desk.now),
    "join": lambda s: s.desk.core.join(a_session(**VERSION), s.desk.now),
    "resize": lambda s: s.desk.core.resize(s.session, 2, s.desk.now),
    "drain": lambda s: s.desk.core.drain(s.session, s.desk.now),
    "lose": lambda s: s.desk.core.lose(s.session, s.desk.now),
    "lose one": lambda s: s.desk.core.lost(s.lease, s.desk.now),
    "pause": lambda s: s.desk.core.pause("worker", True, s.desk.now),
    "soonest deadline": lambda s: s.desk.steps.soonest,
    "expire nothing": lambda s: s.desk.core.expire(s.desk.now),
    "expire one": lambda s: s.desk.core.expire(s.desk.now + s.desk.limits.queue_timeout - 0.9),
}


# Where a split divides them, a version goes with these, and all that waits lines up anew.
ENDS_A_LINE = {"drain", "lose", "pause"}
CASES: list[tuple[str, Split | None]] = [(step, None) for step in STEPS]
DIVIDED: list[tuple[str, Split | None]] = [
    (step, SPLIT) for step in STEPS if step not in ENDS_A_LINE
]


@pytest.mark.parametrize(("step", "split"), CASES + DIVIDED)
def test_no_step_scans_what_waits(step: str, split: Split | None) -> None:
    costs = []
    for size in (FEW, MANY):
        scene = Scene(size, split)
        costs.append(calls(partial(STEPS[step], scene)))
        assert scene.waiting.seen + scene.uploads.seen <= 2
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
        ready: CountedLevels[Session] = CountedLevels()
        the_lane(desk).ready = ready
        for _ in range(size):
            desk.stream()

        def turn(desk: Desk = desk) -> None:
            lease = desk.leased()
            if end == "answer":
                desk.answer(lease)
            else:
                desk.core.lose(lease.session, desk.now)

        costs.append(calls(turn))
        assert ready.seen <= 2
    assert costs[1] == costs[0]


@pytest.mark.parametrize("clients", [1, MANY])
def test_no_step_scans_what_a_hog_has_waiting_nor_the_clients(clients: int) -> None:
    costs = []
    for size in (FEW, MANY):
        desk = Desk(queue_requests=3 * MANY)
        waiting: CountedLine[Exchange] = CountedLine()
        the_lane(desk).waiting = waiting
        session = desk.stream(slots=2)
        for _ in range(size):
            desk.submit(counts_for="hog")
        others = [desk.submit(counts_for=str(number % clients)) for number in range(size)]
        lease = next(iter(session.held.values()))
        costs.append(calls(partial(desk.answer, lease)))
        assert others[0].lease
        assert not waiting.seen
    assert costs[1] == costs[0]


class Land:
    """So many routes whose workers are gone, and one that is there no longer than `soon`."""

    def __init__(self, size: int) -> None:
        self.desk = Desk()
        self._linger("first.test")
        self.soon = self.desk.limits.route_linger + 1.1
        self.desk.now += 5
        for number in range(size):
            self._linger(f"r{number}.test")
        self.desk.submit(host=b"first.test")
        self.desk.submit(host=b"new.test")

    def _linger(self, route: str) -> None:
        self.desk.core.lose(self.desk.rest(route), self.desk.now)


@pytest.mark.parametrize("end", [False, True])
def test_a_route_costs_the_same_however_many_others_there_are(end: bool) -> None:
    costs = []
    for size in (FEW, MANY):
        land = Land(size)
        desk = land.desk
        if end:
            costs.append(calls(partial(desk.core.expire, 1000.0 + land.soon)))
            assert len(desk.core.queue.lanes()) == len(Kind) + size
        else:
            costs.append(calls(partial(desk.rest, "new.test")))
            assert len(desk.core.queue.lanes()) == len(Kind) + size + 2
    assert costs[1] == costs[0]


def test_a_look_at_everything_looks_at_no_route_that_lingers_alone() -> None:
    costs = []
    for size in (FEW, MANY):
        land = Land(size)
        # The first look of a process fills caches, too.
        rows = status(land.desk.core, land.desk.now).routes
        assert [(row.route, row.waiting) for row in rows] == [("first.test/", 1), ("*/", 1)]
        costs.append(calls(partial(status, land.desk.core, land.desk.now)))
    assert costs[1] == costs[0]


def test_a_new_route_looks_at_nothing_that_waits_for_another_host() -> None:
    costs = []
    for size in (FEW, MANY):
        desk = Desk()
        desk.core.lose(desk.rest("shop.test"), desk.now)
        waiting: CountedLine[Exchange] = CountedLine()
        desk.core.queue.lane(a_request(), 0, desk.now).waiting = waiting
        for _ in range(size):
            desk.submit()
        other = desk.submit(host=b"new.test")
        costs.append(calls(partial(desk.rest, "new.test")))
        assert other.lease
        assert not waiting.seen
    assert costs[1] == costs[0]


def test_losing_a_worker_costs_what_it_held() -> None:
    costs = {}
    for held in (1, 2, 3, 100):
        desk = Desk()
        session = desk.stream(slots=held)
        for _ in range(held):
            desk.leased()
        costs[held] = calls(partial(desk.core.lose, session, desk.now))
    each = costs[2] - costs[1]
    assert costs[3] - costs[2] == each
    assert costs[100] - costs[3] <= 97 * (each + 1)
