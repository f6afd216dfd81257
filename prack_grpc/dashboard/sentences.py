"""What is wrong, in words that say what would help."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from prack_grpc.core.status import RouteStatus, Status
from prack_grpc.telemetry.access import GONE
from prack_grpc.telemetry.books.demands import Load
from prack_grpc.telemetry.books.history import WINDOW
from prack_grpc.telemetry.books.place import Place, errors_of
from prack_grpc.telemetry.books.watch import Watch

Level = Literal["critical", "warning", "info"]
LEVELS: tuple[Level, ...] = ("critical", "warning", "info")
LONG_WAIT = 1.0  # seconds
BLOCKED = 0.25  # seconds
FEW = 10  # requests, of which no share says anything
SOME, MANY = 0.01, 0.1  # of requests
MOST = 20  # sentences of a kind


@dataclass(frozen=True)
class Sentence:
    """One thing that is wrong; `route` if it is of one."""

    level: Level
    route: str | None
    text: str


def sentences(
    watch: Watch, status: Status, reasons: list[str], warnings: list[str]
) -> list[Sentence]:
    """All that is wrong, the worst first; `reasons` are why the gateway is not ready."""
    found = [
        *(Sentence("critical", None, f"not ready: {reason}") for reason in reasons),
        *(Sentence("warning", None, warning) for warning in warnings),
        *_of_routes(watch, status),
        *_of_workers(watch, status),
        *_of_requests(watch),
        *_of_versions(watch),
        *_of_the_loop(watch),
    ]
    return sorted(found, key=lambda one: LEVELS.index(one.level))


def about_route(row: RouteStatus, load: Load | None) -> str | None:
    """What is wrong with a route; None if nothing is."""
    if not row.waiting or (row.free and not row.crowd):
        return None
    if not row.workers:
        return (
            f"{_name(row)}: {row.waiting} waiting and no worker is connected; "
            f"start one with `prack-worker` or see why its workers have gone"
        )
    if not row.slots:
        return f"{_name(row)}: {row.waiting} waiting and its workers have paused; see why"
    pace = ""
    if load is not None and (seconds := load.demand.service_seconds) is not None:
        pace = f"; a request takes {told(seconds)}"
    free = f"{row.free} of {row.slots} slots free"
    return f"{_name(row)}: {row.waiting} waiting, {free}{pace}{_help(row, load)}"


def _help(row: RouteStatus, load: Load | None) -> str:
    """What would make the line shorter, or why nothing has to: most of it is of one client."""
    if row.crowd >= FEW and row.crowd > row.waiting / 2:
        return f"; one client has {row.crowd} of them and its share of the slots: others go first"
    more = load.demand.wanted() - row.slots if load else 0
    return f"; {more} more {'slot' if more == 1 else 'slots'} would clear it" if more > 0 else ""


def told(seconds: float) -> str:
    """A time as people read it."""
    if seconds < 1:
        return f"{max(seconds, 0.0) * 1000:.3g} ms"
    return f"{seconds:.3g} s" if seconds < 100 else f"{seconds / 60:.0f} min"


def _name(row: RouteStatus) -> str:
    return f"{row.route} ({row.version})" if row.version else row.route


def _of_routes(watch: Watch, status: Status) -> Iterator[Sentence]:
    waiting = sorted((row for row in status.routes if row.waiting), key=lambda row: -row.oldest)
    for row in waiting[:MOST]:
        text = about_route(row, watch.demands.routes.get(row.route))
        if text is not None and (not row.workers or row.oldest >= LONG_WAIT):
            yield Sentence("warning" if row.workers else "critical", row.route, text)


def _of_workers(watch: Watch, status: Status) -> Iterator[Sentence]:
    here = status.workers or any(not seen.gone for seen in watch.workers.known.values())
    if not here and not status.queue.waiting:  # otherwise the route that waits says so
        yield Sentence("info", None, "no worker is connected")
    lost = [seen for seen in watch.workers.known.values() if seen.gone == "lost"]
    for seen in sorted(lost, key=lambda one: -one.last)[:MOST]:
        ago = told(max(1.0, round(watch.looked_at - seen.last)))
        text = f"{seen.status.worker} was lost {ago} ago with requests in progress"
        yield Sentence("warning", None, text)


def _of_requests(watch: Watch) -> Iterator[Sentence]:
    ends = [second.ends for second in watch.history.seconds]
    requests, gateway = sum(one.requests for one in ends), errors_of(ends)["gateway"]
    if requests >= FEW and gateway >= requests * SOME:
        code = _commonest(watch)
        often = f", most often {code} (docs/errors.md)" if code else ""
        yield Sentence(
            "critical" if gateway >= requests * MANY else "warning",
            None,
            f"{_percent(gateway, requests)} of the requests of the last {WINDOW} s "
            f"ended with an error of the gateway{often}",
        )


def _commonest(watch: Watch) -> str:
    ends: dict[str, int] = {}
    for one in watch.books.last():
        if one.error not in ("", GONE) and watch.looked_at - one.ended < WINDOW:
            ends[one.error] = ends.get(one.error, 0) + 1
    return max(ends, key=lambda code: ends[code], default="")


def _of_versions(watch: Watch) -> Iterator[Sentence]:
    pools: dict[tuple[str, str], list[Place]] = {}
    for place in watch.books.places.values():
        pools.setdefault((place.service, place.version), []).append(place)
    for (service, version), places in pools.items():
        requests = sum(place.recent.requests for place in places)
        bad = sum(place.recent.errors()["worker"] for place in places)
        if requests >= FEW and bad >= requests * SOME:
            level: Level = "critical" if bad >= requests * MANY else "warning"
            who = f"{service} {version}".strip() or "the workers"
            yield Sentence(level, None, f"{who}: {_percent(bad, requests)} of the answers are 5xx")


def _of_the_loop(watch: Watch) -> Iterator[Sentence]:
    if watch.lag >= BLOCKED:
        text = f"the gateway was busy or stopped for {told(watch.lag)} at a stretch"
        yield Sentence("warning", None, text)


def _percent(part: int, all_: int) -> str:
    return f"{math.ceil(1000 * part / all_) / 10:g} %"
