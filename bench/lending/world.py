"""Gateways, workers and clients in virtual time."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from bench.lending.link import End, connect
from bench.lending.node import Node
from bench.lending.worker import Worker
from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Request
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import TRUSTED, Profile

# Nine in ten take 5 ms, one takes 200 ms.
SHORT, LONG, LONG_SHARE = 0.005, 0.200, 0.1
MEAN = (1 - LONG_SHARE) * SHORT + LONG_SHARE * LONG
ONE_WAY = 0.00025  # seconds on a link
WARM = 0.3  # the part of the requests, at the start, that does not count


@dataclass(frozen=True)
class Case:
    """So many `workers` with `slots` each go round the gateways. `load` is the part of the slots
    that is busy. `skew` is the part of the arrivals that all come to the first gateway.
    """

    gateways: int
    workers: int
    slots: int
    load: float
    skew: float = 0.0
    requests: int = 10_000
    one_way: float = ONE_WAY
    seed: int = 7

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.load * self.workers * self.slots / MEAN

    def again(self, number: int) -> "Case":
        """The same with other arrivals."""
        return replace(self, seed=self.seed + number)

    def arrivals(self) -> list[tuple[float, float, int]]:
        """When each request comes, how long it takes, and to which gateway it comes."""
        rng, at = random.Random(self.seed), 1.0
        found = []
        for _ in range(self.requests):
            at += rng.expovariate(self.rate)
            takes = LONG if rng.random() < LONG_SHARE else SHORT
            first = rng.random() < self.skew
            found.append((at, takes, 0 if first else rng.randrange(self.gateways)))
        return found


@dataclass
class Course:
    """How it went: seconds from arrival to answer, in the order of arrival, and counts.

    Of the `messages` on links two are the request and the answer of each that was `relayed`; what
    is said as links begin is not counted. The gateway with the most of them has sent or got
    `busiest` messages. A request was `refused` if its slot was there no more.
    """

    seconds: list[float] = field(default_factory=list)
    relayed: int = 0
    messages: int = 0
    busiest: int = 0
    refused: int = 0
    failed: int = 0

    @property
    def counted(self) -> list[float]:
        """Without those at the start."""
        return _late(self.seconds)

    def waits(self, case: Case) -> list[float]:
        """The same without the time in which a worker was busy with it."""
        both = zip(self.seconds, case.arrivals(), strict=True)
        return _late([max(0.0, seconds - takes) for seconds, (_, takes, _) in both])


def _late(values: list[float]) -> list[float]:
    return values[int(len(values) * WARM) :]


def ideal(case: Case, more: float = 0.0) -> Course:
    """One queue for all, which holds each slot so many seconds `more`."""
    free = [0.0] * (case.workers * case.slots)
    course = Course()
    for at, takes, _ in case.arrivals():
        end = max(at, heapq.heappop(free)) + takes + more
        heapq.heappush(free, end)
        course.seconds.append(end - at)
    return course


class World:
    """One clock for all. `lending` links every two gateways."""

    def __init__(self, case: Case, lending: bool = True) -> None:
        self.case = case
        self.now = 0.0
        self.course = Course([0.0] * case.requests)
        self._order = count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self.gateways = [Gateway(f"{number:08x}", self) for number in range(case.gateways)]
        self.ends: list[End] = []
        for number, one in enumerate(self.gateways if lending else ()):
            for other in self.gateways[:number]:
                self.ends += connect(one, other, self.later, self.later)
        for end in self.ends:
            end.begin()
        for number in range(case.workers):
            self.gateways[number % case.gateways].join(f"w{number}", case.slots)

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Let this happen then."""
        heapq.heappush(self._events, (when, next(self._order), event))

    def later(self, message: Callable[[], None]) -> None:
        """It takes its way over a link."""
        self.at(self.now + self.case.one_way, message)

    def run(self) -> Course:
        """Until all are answered."""
        for end in self.ends:
            end.sent = 0
        for number, (at, takes, gateway) in enumerate(self.case.arrivals()):
            self.at(at, self._arrival(self.gateways[gateway], number, takes))
        while self._events:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.course.relayed = sum(end.relayed for end in self.ends)
        self.course.messages = sum(end.sent for end in self.ends)
        spoken: Counter[Node] = Counter()
        for end in self.ends:
            for node in (end.node, end.far.node):
                spoken[node] += end.sent
        self.course.busiest = max(spoken.values(), default=0)
        self.course.refused = sum(end.refused for end in self.ends)
        return self.course

    def _arrival(self, gateway: "Gateway", number: int, takes: float) -> Callable[[], None]:
        return lambda: gateway.arrive(number, takes)


class Gateway(Node):
    """Its workers serve as long as a request says; its clients are counted."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(name, HandOut(Limits(), 0.0))
        self._world = world
        self._fires_at = float("inf")

    def now(self) -> float:
        """See Node."""
        return self._world.now

    def join(self, worker: str, slots: int) -> None:
        """A worker is here."""
        session = Session(Profile(worker, slots, True), TRUSTED, Worker(), slots)
        self.perform(self.core.join(session, self.now()))

    def arrive(self, number: int, takes: float) -> None:
        """A client asks for something that takes so long."""
        request = Request(
            b"GET", b"http", b"", b"%f" % takes, b"1.1", [], ("", 0), 0, id=str(number)
        )
        try:
            self.submit(request)
        except GatewayError:
            self._ended(str(number), float("inf"))

    def delivered(self, lease: Lease) -> None:
        """See Node."""
        takes = float(lease.exchange.request.target)
        self._world.at(self.now() + takes, lambda: self.answer(lease))

    def answered(self, exchange: Exchange) -> None:
        """See Node."""
        self._ended(exchange.id, self.now() - exchange.accepted_at)

    def failed(self, exchange: Exchange, kind: ErrorKind) -> None:
        """See Node."""
        self._ended(exchange.id, float("inf"))

    def _ended(self, id_: str, seconds: float) -> None:
        self._world.course.seconds[int(id_)] = seconds
        self._world.course.failed += seconds == float("inf")

    def perform(self, effects: Effects) -> None:
        """See Node. One timer for everything."""
        super().perform(effects)
        due = self.lending.due
        if due < self._fires_at:
            self._fires_at = due
            self._world.at(due, self._fire)

    def _fire(self) -> None:
        self._fires_at = float("inf")
        self.perform([])
