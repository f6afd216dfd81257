"""How the gateway is, at one look."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import prack_grpc
from prack_grpc.core.status import Serving
from prack_grpc.dashboard.addresses import Addresses
from prack_grpc.dashboard.rows import Errors, share
from prack_grpc.dashboard.sentences import Sentence, sentences
from prack_grpc.private.health import Health
from prack_grpc.telemetry.books.history import Point, Waits
from prack_grpc.telemetry.books.marks import Mark
from prack_grpc.telemetry.books.place import errors_of
from prack_grpc.telemetry.books.watch import Watch


@dataclass(frozen=True)
class Process(Addresses):
    """This gateway. Times are Unix times; if it is not ready, `reasons` say why."""

    version: str
    pid: int
    started_at: float
    now: float
    state: Literal["starting", "ready", "not ready", "draining"]
    reasons: list[str]


@dataclass(frozen=True)
class Quantiles:
    """Times in seconds, null without requests."""

    p50: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class Wait:
    """What clients waited for the head of their response, and where: it is the sum of the others,
    request by request.
    """

    total: Quantiles
    queue: Quantiles
    worker: Quantiles
    gateway: Quantiles


@dataclass(frozen=True)
class Traffic:
    """What has ended within the window. Bytes are those of bodies."""

    requests_per_second: float
    bytes_in_per_second: float
    bytes_out_per_second: float
    errors: Errors
    wait: Wait


@dataclass(frozen=True)
class QueueNow:
    """What waits, and what is not over."""

    waiting: int
    waiting_bytes: int
    oldest: float
    in_flight: int


@dataclass(frozen=True)
class Slots:
    """Those of all workers."""

    total: int
    used: int


@dataclass(frozen=True)
class Clients:
    """Connections to the public port; of these some are WebSockets."""

    connections: int
    websockets: int


@dataclass(frozen=True)
class Overview:
    """Everything that fits on a small screen. Rates are over `window` seconds.

    `loop_lag` is the longest time of the last 15 s in which the gateway could not react. What is
    wrong stands in `sentences`, the worst first.
    """

    gateway: Process
    window: int
    traffic: Traffic
    queue: QueueNow
    slots: Slots
    workers: dict[str, int]
    clients: Clients
    loop_lag: float
    sentences: list[Sentence]


class Looking:
    """Makes overviews. `clients` counts connections and WebSockets, `warnings` are sentences of
    what is wrong beside the traffic.
    """

    def __init__(
        self,
        watch: Watch,
        health: Health,
        addresses: Addresses,
        clients: Callable[[], tuple[int, int]],
        warnings: Callable[[], list[str]],
    ) -> None:
        self._watch = watch
        self._health = health
        self._addresses = addresses
        self._clients = clients
        self._warnings = warnings

    def overview(self) -> Overview:
        """How it is now."""
        watch = self._watch
        status, reasons = watch.look_up(), self._health.reasons()
        here = status.here
        states = Counter(str(row.state) for row in here)
        return Overview(
            self._process(reasons),
            len(watch.history.seconds),
            self._traffic(),
            QueueNow(
                status.queue.waiting,
                status.queue.waiting_bytes,
                status.queue.oldest,
                status.queue.in_flight,
            ),
            Slots(sum(row.slots for row in here), sum(row.held for row in here)),
            {state: states[state] for state in Serving},
            Clients(*self._clients()),
            watch.lag,
            sentences(watch, status, reasons, self._warnings()),
        )

    def _process(self, reasons: list[str]) -> Process:
        about = self._addresses
        return Process(
            about.public,
            about.api,
            about.dial,
            prack_grpc.__version__,
            os.getpid(),
            self._watch.started_at,
            time.time(),
            self._health.state,
            reasons,
        )

    def _traffic(self) -> Traffic:
        seconds = self._watch.history.seconds
        ends, length = [second.ends for second in seconds], max(1, len(seconds))
        requests = sum(one.requests for one in ends)
        errors = errors_of(ends)
        parts = self._watch.history.parts()
        return Traffic(
            requests / length,
            sum(second.received for second in seconds) / length,
            sum(second.sent for second in seconds) / length,
            Errors(**{name: share(count, requests) for name, count in errors.items()}),
            Wait(**{name: Quantiles(*waits) for name, waits in parts.items()}),
        )


@dataclass(frozen=True)
class History:
    """The curves of the last quarter of an hour, a value for each second from `start` on.

    Of the series `requests`, errors and `client_gone` are counts, waits are in seconds, null
    without requests. `marks` are what happened meanwhile, the newest last.
    """

    start: int
    step: int
    now: float
    series: dict[str, list[float | None]]
    marks: list[Mark]


def history(watch: Watch) -> History:
    """All that is remembered."""
    points = list(watch.history.points)
    names = series(points[0]) if points else {}
    columns: dict[str, list[float | None]] = {name: [] for name in names}
    for point in points:
        for name, value in series(point).items():
            columns[name].append(value)
    start = points[0].at if points else int(time.time())
    return History(start, 1, time.time(), columns, list(watch.marks.last))


def series(point: Point) -> dict[str, float | None]:
    """The values of one second by the names of their curves."""
    values: dict[str, float | None] = {}
    for name, value in point._asdict().items():
        if isinstance(value, Waits):
            values |= {f"{name}_{part}": seconds for part, seconds in value._asdict().items()}
        elif name != "at":
            values[name] = value
    return values
