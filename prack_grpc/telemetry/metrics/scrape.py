"""One scrape by Prometheus."""

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import prack_grpc
from prack_grpc.core.status import Status
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.metrics.ended import ended
from prack_grpc.telemetry.metrics.family import gauge, only
from prack_grpc.telemetry.metrics.present import present


@dataclass(frozen=True, slots=True)
class Process:
    """What neither the books nor the queue know.

    `started` is an instant of `time.monotonic`, and `epoch` the Unix time at the 0 of that clock,
    found out once: a start that moves would look like another one. `lag` is by how many seconds the
    event loop was late; `wanted` are the slots of each route.
    """

    started: float
    epoch: float
    connections: int
    websockets: int
    lag: float
    wanted: Mapping[str, int]


def metrics(books: Books, status: Status, process: Process) -> Iterator[Metric]:
    """All of them, one by one: each takes up to 10 ms, so let others have a turn between."""
    yield from ended(books, process.epoch)
    yield from present(status, process.wanted)
    clients = only(process.connections)
    yield gauge("prack_client_connections", "Open connections of clients.", clients)
    yield gauge("prack_websockets", "Open WebSockets.", only(process.websockets))
    about = "By how much the event loop was late, the worst of the last 15 seconds."
    yield gauge("prack_event_loop_lag_seconds", about, only(process.lag))
    started = only(process.epoch + process.started)
    yield gauge("prack_start_time_seconds", "When the gateway started, in Unix time.", started)
    runs = prack_grpc.__version__, platform.python_version()
    yield gauge("prack_build_info", "What runs; always 1.", [(runs, 1)], "version", "python")


def encoded(shown: Sequence[Metric], accept: str) -> tuple[str, bytes]:
    """Content type and body, as text or OpenMetrics, as this Accept field asks.

    It takes 0.1 s if the books are full; a thread may do it.
    """
    encode, content_type = choose_encoder(accept)
    return content_type, encode(_Scrape(shown))


class _Scrape(Collector):
    """What encoders ask for metrics."""

    def __init__(self, shown: Sequence[Metric]) -> None:
        self._shown = shown

    def collect(self) -> Iterable[Metric]:
        return self._shown
