"""What the books know: the requests that have ended."""

from collections.abc import Iterator, Sequence

from prometheus_client.core import Metric

from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.books.place import OTHER, OTHER_KIND, Kind, Place
from prack_grpc.telemetry.metrics.family import counter, gauge, histogram, only

LABELS = ("service", "version", "route")
Places = Sequence[tuple[tuple[str, str, str], Place]]  # by the values of these


def ended(books: Books, epoch: float) -> Iterator[Metric]:
    """One by one; `epoch` is the Unix time at the 0 of the books' clock."""
    books.settle()
    places = [((at.service, at.version, at.route), at) for at in books.places.values()]
    yield from _counts(places)
    yield from _times(places)
    last: dict[str, float] = {}
    for _, at in places:
        last[at.route] = max(last.get(at.route, 0.0), epoch + at.last_used)
    used = [((route,), instant) for route, instant in last.items()]
    about = "When the last request of a route ended, in Unix time."
    yield gauge("prack_route_last_used_timestamp_seconds", about, used, "route")
    refused = [((code,), count) for code, count in books.refusals.items()]
    about = "Requests that were refused before they were understood."
    yield counter("prack_refusals_total", about, refused, "error")
    about = "Requests that were counted under _other, as there were too many names."
    dropped = sum(_dropped(at) for _, at in places)
    yield counter("prack_series_dropped_total", about, only(dropped))


def _counts(places: Places) -> Iterator[Metric]:
    requests = [((*of, *_kind(kind)), n) for of, at in places for kind, n in at.kinds.items()]
    labels = (*LABELS, "method", "status", "transport", "error")
    yield counter("prack_requests_total", "Requests that ended.", requests, *labels)
    taken = [(of, at.taken) for of, at in places]
    yield counter("prack_request_body_bytes_total", "Bytes of request bodies.", taken, *LABELS)
    sent = [(of, at.sent) for of, at in places]
    yield counter("prack_response_body_bytes_total", "Bytes of response bodies.", sent, *LABELS)


def _dropped(at: Place) -> int:
    if at.service == OTHER:
        return sum(at.kinds.values())
    return at.kinds.get(OTHER_KIND, 0)


def _kind(kind: Kind) -> tuple[str, str, str, str]:
    method, hundreds, transport, error = kind
    status = OTHER if kind == OTHER_KIND else f"{hundreds}xx" if hundreds else "none"
    return method, status, transport, error


def _times(places: Places) -> Iterator[Metric]:
    name, about = "prack_time_to_first_byte_seconds", "How long clients waited for the first byte."
    yield histogram(name, about, [(of, at.waits) for of, at in places], *LABELS)
    name, about = "prack_queue_wait_seconds", "How long requests waited for a worker."
    yield histogram(name, about, [(of, at.queue) for of, at in places], *LABELS)
    name, about = "prack_worker_seconds", "From the hand-out to the head of the worker's response."
    yield histogram(name, about, [(of, at.worker) for of, at in places], *LABELS)
    name, about = "prack_gateway_overhead_seconds", "What clients waited beside queue and worker."
    yield histogram(name, about, [(of, at.gateway) for of, at in places], *LABELS)
    name, about = "prack_request_duration_seconds", "From a request's head to its last byte."
    yield histogram(name, about, [(of, at.durations) for of, at in places], *LABELS)
