"""What Prometheus is told of known requests, queues and workers."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import psutil
import pytest
from prometheus_client.core import Metric, Sample
from prometheus_client.parser import text_string_to_metric_families

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.limits import BookLimits
from prack_grpc.core.status import (
    QueueStatus,
    RouteStatus,
    Serving,
    Status,
    VersionStatus,
    WorkerStatus,
)
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.metrics.present import MOST
from prack_grpc.telemetry.metrics.scrape import encoded, metrics
from tests.telemetry.books.test_books import START, ended, record

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
LINE = RouteStatus("*", "http", "", 1, 4, 3, 1, 6, 100, 1.5, None, 40, 5, 0)
WORKER = WorkerStatus(
    "w1", "shop", "v1", Serving.ACTIVE, 4, 3, 0, 0, 9.0, "grpc", "::1", ["*"], "token"
)
VERSION = VersionStatus("shop", "v1", Serving.ACTIVE, 1, 4, 3, None)
QUEUE = QueueStatus(6, 100, 1.5, 9, 40, {}, 40, {}, 3, {"worker_lost": 1, "returned": 0})
STATUS = Status(QUEUE, [WORKER], [VERSION], [LINE], [], [])

PLAIN = Certified({}, None, [])
KEPT = Counts(3, 1, 5.0)


@pytest.fixture
def books() -> Books:
    return Books(BookLimits(), START)


def shown(books: Books, status: Status = STATUS, now: Certified = PLAIN) -> list[Metric]:
    """All metrics of a gateway with seven clients, two of them with WebSockets."""
    watch = Watch(books, Marks(1), BookLimits(), lambda: status)
    watch.look(time.monotonic())
    return list(metrics(watch, 7, 2, now, KEPT))


def scraped(books: Books, status: Status = STATUS) -> list[Metric]:
    """The same as a scraper reads them."""
    _, body = encoded(shown(books, status), "", {})
    return list(text_string_to_metric_families(body.decode()))


def samples(found: Iterable[Metric]) -> Iterator[Sample]:
    return (sample for metric in found for sample in metric.samples)


def values(found: list[Metric], name: str) -> dict[tuple[str, ...], float]:
    """The values of this series, by those of its labels, in the order of their names."""
    shown = [sample for sample in samples(found) if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in shown}


def test_requests_are_told_by_how_they_ended(books: Books) -> None:
    for status, error in ((200, None), (200, None), (502, "worker_lost"), (0, "client_gone")):
        ended(books, record(status=status, error=error), START + 1)
    ended(books, record(worker=None, status=503, error="no_workers"), START + 60)
    found = {
        (
            one.labels["service"],
            one.labels["transport"],
            one.labels["status"],
            one.labels["error"],
        ): one.value
        for one in samples(scraped(books))
        if one.name == "prack_requests_total"
    }
    assert found == {
        ("shop", "prack", "2xx", ""): 2,
        ("shop", "prack", "5xx", "worker_lost"): 1,
        ("shop", "prack", "none", "client_gone"): 1,
        ("", "", "5xx", "no_workers"): 1,
    }


def test_a_histogram_holds_each_time_at_its_bound_and_above(books: Books) -> None:
    for queue in (0.05, 0.0501, 70.0):
        ended(books, record(queue=queue), START + 100)
    found = scraped(books)
    buckets = {
        one.labels["le"]: one.value
        for one in samples(found)
        if one.name == "prack_queue_wait_seconds_bucket"
    }
    assert len(buckets) == 16
    shown = {bound: buckets[bound] for bound in ("0.025", "0.05", "0.1", "60.0", "+Inf")}
    assert shown == {"0.025": 0, "0.05": 1, "0.1": 2, "60.0": 2, "+Inf": 3}
    (sum_,) = values(found, "prack_queue_wait_seconds_sum").values()
    assert sum_ == pytest.approx(70.1001)


def test_what_is_here_is_told_by_route_version_and_worker(books: Books) -> None:
    other = replace(
        LINE, kind="websocket", busy=0, waiting=1, oldest=2.5, accepted=2, passed_over=1
    )
    found = scraped(books, replace(STATUS, routes=[LINE, other]))
    assert values(found, "prack_waiting_requests") == {("*",): 7}
    assert values(found, "prack_oldest_wait_seconds") == {("*",): 2.5}
    assert values(found, "prack_arrivals_total") == {("*",): 42}
    assert values(found, "prack_clients_passed_over_total") == {("*",): 6}
    assert values(found, "prack_route_slots_wanted") == {("*",): 3}
    assert values(found, "prack_slots") == {("shop", "v1"): 4}
    assert values(found, "prack_slots_used") == {("shop", "v1"): 3}
    workers = values(found, "prack_workers")
    assert len(workers) == 12
    assert {name for name, count in workers.items() if count} == {("active", "grpc")}
    assert values(found, "prack_redeliveries_total") == {("worker_lost",): 1, ("returned",): 0}


def test_instants_are_in_unix_time(books: Books) -> None:
    before = time.time()
    ended(books, record(), time.monotonic())
    found = scraped(books)
    for name in ("prack_start_time_seconds", "prack_route_last_used_timestamp_seconds"):
        (instant,) = values(found, name).values()
        assert before - 1 < instant < time.time() + 1


def test_certificates_are_told_by_port_and_failures_where_an_authority_is_asked(
    books: Books,
) -> None:
    end, failed = "prack_certificate_expiry_timestamp_seconds", "prack_acme_failures_total"
    found = shown(books, now=Certified({"public": 2e9, "private": 1e9}, 0, []))
    assert values(found, end) == {("public",): 2e9, ("private",): 1e9}
    assert values(found, failed) == {(): 0}
    assert not {end, failed} & {one.name for one in samples(shown(books))}


def test_text_and_openmetrics_say_the_same(books: Books) -> None:
    ended(books, record(), START + 1)
    found = shown(books)
    (plain, plain_body), (modern, modern_body) = (
        encoded(found, accept, {}) for accept in ("", OPENMETRICS)
    )
    assert plain.startswith("text/plain; version=0.0.4")
    assert modern.startswith("application/openmetrics-text; version=1.0.0")
    assert modern_body.endswith(b"# EOF\n")
    plain_series, modern_series = (
        [line for line in body.splitlines() if not line.startswith(b"#")]
        for body in (plain_body, modern_body)
    )
    assert plain_series == modern_series


def test_no_request_brings_series_without_bound(books: Books) -> None:
    """Hosts, methods, paths, names of workers and versions, and all that can go wrong."""

    log = AccessLog(enabled=False, books=books)

    def ask(first: int, last: int) -> None:
        for n in range(first, last):
            name, began = f"n{n}", time.monotonic() - 1
            one = record(worker=name, service=name, version=name, route=f"{name}.test/{name}",
                         method=name.encode(), target=b"/" + name.encode(), error=name,
                         began=began)  # fmt: skip
            log.write(one)

    ask(0, 10_000)
    before = len(list(samples(scraped(books))))
    ask(10_000, 40_000)
    memory = psutil.Process().memory_info
    used = memory().rss
    ask(40_000, 100_000)
    assert memory().rss - used < 16 * 1024**2  # of the 60 MiB that 1 KiB for each would take
    assert len(list(samples(scraped(books)))) == before < 15_000
    counted = values(scraped(books), "prack_requests_total")
    assert sum(counted.values()) == 100_000
    (dropped,) = values(scraped(books), "prack_series_dropped_total").values()
    assert dropped == 100_000 - BookLimits().places


def test_no_worker_brings_series_without_bound(books: Books) -> None:
    many = range(10_000)
    routes = [replace(LINE, route=f"/{n}") for n in many]
    versions = [replace(VERSION, version=f"v{n}") for n in many]
    status = replace(STATUS, routes=routes, versions=versions)
    found = scraped(books, status)
    for name in ("prack_waiting_requests", "prack_slots", "prack_route_slots_wanted"):
        assert len(values(found, name)) == MOST + 1
    assert values(found, "prack_waiting_requests")["_other",] == 6 * (10_000 - MOST)
    assert values(found, "prack_slots")["_other", "_other"] == 4 * (10_000 - MOST)
    assert len(values(found, "prack_arrivals_total")) == MOST
