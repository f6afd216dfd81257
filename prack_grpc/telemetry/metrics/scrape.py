"""One scrape by Prometheus."""

import platform
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import prack_grpc
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.metrics.certified import certified
from prack_grpc.telemetry.metrics.deferred import deferred
from prack_grpc.telemetry.metrics.ended import ended
from prack_grpc.telemetry.metrics.family import gauge, only
from prack_grpc.telemetry.metrics.present import present


def metrics(
    watch: Watch,
    connections: int,
    websockets: int,
    certificates: Certified,
    kept: Counts | None = None,
) -> Iterator[Metric]:
    """All of them, one by one: each takes up to 10 ms, so let others have a turn between.

    `connections` and `websockets` are those of clients, `kept` are requests that are answered
    later.
    """
    yield from ended(watch.books, watch.unix(0.0))
    yield from present(watch.status, watch.demands.routes)
    about = "Open connections of clients."
    yield gauge("prack_client_connections", about, only(connections))
    yield gauge("prack_websockets", "Open WebSockets.", only(websockets))
    yield from certified(certificates)
    yield from deferred(kept, time.time())
    about = "By how much the event loop was late, the worst of the last 15 seconds."
    yield gauge("prack_event_loop_lag_seconds", about, only(watch.lag))
    about = "When the gateway started, in Unix time."
    yield gauge("prack_start_time_seconds", about, only(watch.started_at))
    runs = prack_grpc.__version__, platform.python_version()
    yield gauge("prack_build_info", "What runs; always 1.", [(runs, 1)], "version", "python")


def up(answered: Iterable[str], silent: Iterable[str]) -> Metric:
    """Which of the gateways have answered."""
    series = [((gateway,), 1) for gateway in answered] + [((gateway,), 0) for gateway in silent]
    about = "Whether a gateway has answered in time, so that its figures are here."
    return gauge("prack_gateway_up", about, series, "gateway")


def encoded(shown: Sequence[Metric], accept: str, labels: Mapping[str, str]) -> tuple[str, bytes]:
    """Content type and body, as text or OpenMetrics, as this Accept field asks.

    All series have these `labels`, too. It takes 0.1 s if the books are full; a thread may do it.
    """
    for metric in shown if labels else ():
        metric.samples = [one._replace(labels={**one.labels, **labels}) for one in metric.samples]
    encode, content_type = choose_encoder(accept)
    return content_type, encode(_Scrape(shown))


class _Scrape(Collector):
    """What encoders ask for metrics."""

    def __init__(self, shown: Sequence[Metric]) -> None:
        self._shown = shown

    def collect(self) -> Iterable[Metric]:
        return self._shown
