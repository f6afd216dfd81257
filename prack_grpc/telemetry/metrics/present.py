"""What the queue knows: the requests and the workers that are here."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client.core import Metric

from prack_grpc.core.status import Serving, Status, VersionStatus
from prack_grpc.telemetry.books.demands import Load
from prack_grpc.telemetry.books.place import OTHER
from prack_grpc.telemetry.metrics.family import Series, counter, gauge, only

# So many routes, and versions, are told apart, of the 10,000 that workers may name.
MOST = 100
TRANSPORTS = ("prack", "grpc", "rest")
VERSION = ("service", "version")
Name = tuple[str, ...]


def present(status: Status, loads: Mapping[str, Load]) -> Iterator[Metric]:
    """One by one; `loads` are those of the routes."""
    yield from _routes(loads)
    yield from _versions(status.versions)
    here = Counter((one.transport, one.state) for one in status.here)
    workers = [((over, state), here[over, state]) for over in TRANSPORTS for state in Serving]
    yield gauge("prack_workers", "Workers that are connected.", workers, "transport", "state")
    queue = status.queue
    about = "Requests that wait or are being answered."
    yield gauge("prack_in_flight_requests", about, only(queue.in_flight))
    yield gauge("prack_waiting_bytes", "Bytes of requests in the queue.", only(queue.waiting_bytes))
    about = "Requests that were handed out again."
    again = [((reason,), count) for reason, count in queue.redelivered.items()]
    yield counter("prack_redeliveries_total", about, again, "reason")


def _routes(loads: Mapping[str, Load]) -> Iterator[Metric]:
    names = _told_apart((route,) for route in sorted(loads))
    named = [(names[route,], load) for route, load in loads.items()]
    waiting = _sums((name, load.waiting) for name, load in named)
    yield gauge("prack_waiting_requests", "Requests in the queue.", waiting, "route")
    oldest: dict[Name, float] = {}
    for name, load in named:
        oldest[name] = max(oldest.get(name, 0.0), load.oldest)
    about = "How long the oldest request in the queue has waited."
    yield gauge("prack_oldest_wait_seconds", about, oldest.items(), "route")
    wanted = _sums((name, load.demand.wanted()) for name, load in named)
    about = "Slots that would keep the wait in the queue short."
    yield gauge("prack_route_slots_wanted", about, wanted, "route")
    # Of routes that come and go there is no sum that only grows.
    came = [(name, load.accepted) for name, load in named if name != (OTHER,)]
    yield counter("prack_arrivals_total", "Requests that came.", came, "route")
    about = "How often a client had to wait as it had its share, and another had its turn."
    over = [(name, load.passed_over) for name, load in named if name != (OTHER,)]
    yield counter("prack_clients_passed_over_total", about, over, "route")


def _versions(versions: Sequence[VersionStatus]) -> Iterator[Metric]:
    names = _told_apart((one.service, one.version) for one in versions)
    named = [(names[one.service, one.version], one) for one in versions]
    slots = _sums((name, one.slots) for name, one in named)
    yield gauge("prack_slots", "Slots of the workers that are connected.", slots, *VERSION)
    used = _sums((name, one.held) for name, one in named)
    yield gauge("prack_slots_used", "Slots that hold a request.", used, *VERSION)


def _told_apart(names: Iterable[Name]) -> dict[Name, Name]:
    """As what each is shown: itself, or `_other` after the first `MOST`."""
    found = dict.fromkeys(names)
    return {name: name if at < MOST else (OTHER,) * len(name) for at, name in enumerate(found)}


def _sums(series: Iterable[tuple[Name, float]]) -> Series:
    sums: dict[Name, float] = {}
    for name, value in series:
        sums[name] = sums.get(name, 0) + value
    return sums.items()
