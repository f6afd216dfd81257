"""What each route and each service needs, as far as it was seen."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from prack_grpc.core.status import RouteStatus
from prack_grpc.telemetry.books.sightings import Sighting
from prack_grpc.telemetry.scale import Demand

Line = tuple[str, str, str]  # route, kind, version


class New(NamedTuple):
    """What a line has counted, in all or since the last look."""

    accepted: int = 0
    passed_over: int = 0


@dataclass(slots=True)
class Load:
    """A route, or the routes of a service together: how it is now, and what was seen of it.

    All are counts, but for `oldest`, in seconds. `accepted` counts its requests since it is known,
    `passed_over` how often a client was that had its share.
    """

    demand: Demand = field(default_factory=Demand)
    accepted: int = 0
    passed_over: int = 0
    waiting: int = 0
    busy: int = 0
    slots: int = 0
    oldest: float = 0.0

    def clear(self) -> None:
        """Keep only what was seen."""
        self.waiting = self.busy = self.slots = 0
        self.oldest = 0.0

    def add(self, row: RouteStatus, new: New) -> None:
        """This line is part of it, and has done so much since the last look."""
        self.accepted += new.accepted
        self.passed_over += new.passed_over
        self.waiting += row.waiting
        self.busy += row.busy
        self.oldest = max(self.oldest, row.oldest)

    def observe(self, now: float) -> None:
        """All its lines are added."""
        finished = max(0, self.accepted - self.waiting - self.busy)
        self.demand.observe(now, self.accepted, finished, self.waiting, self.busy)


class Demands:
    """The loads of routes and of services, by name. One that is in no line is forgotten."""

    def __init__(self) -> None:
        self.routes: dict[str, Load] = {}
        self.services: dict[str, Load] = {}
        self._counts: dict[Line, New] = {}

    def look(self, rows: list[RouteStatus], workers: Iterable[Sighting], now: float) -> None:
        """These are all lines and all workers of now; to be called once a second."""
        here = [seen.status for seen in workers if not seen.gone]
        self.routes = _again(self.routes, {row.route for row in rows})
        self.services = _again(self.services, {worker.service for worker in here})
        serving = {(worker.service, route) for worker in here for route in worker.routes}
        lines: dict[str, list[RouteStatus]] = defaultdict(list)
        new = self._count(rows)
        for row in rows:
            lines[row.route].append(row)
            self.routes[row.route].add(row, new[_line(row)])
        for route, load in self.routes.items():
            load.slots = _slots(lines[route])
        for service, route in serving:
            for row in lines[route]:
                self.services[service].add(row, new[_line(row)])
        for worker in here:
            self.services[worker.service].slots += worker.slots
        for load in (*self.routes.values(), *self.services.values()):
            load.observe(now)

    def _count(self, rows: list[RouteStatus]) -> dict[Line, New]:
        """What each line has counted since the last look; one that comes anew began at 0."""
        before = self._counts
        self._counts = {_line(row): New(row.accepted, row.passed_over) for row in rows}
        return {line: _since(before.get(line, New()), now) for line, now in self._counts.items()}


def _since(before: New, now: New) -> New:
    if now.accepted < before.accepted:
        return now
    return New(now.accepted - before.accepted, now.passed_over - before.passed_over)


def _line(row: RouteStatus) -> Line:
    return row.route, row.kind, row.version


def _again(loads: dict[str, Load], names: set[str]) -> dict[str, Load]:
    found = {name: loads.get(name) or Load() for name in names}
    for load in found.values():
        load.clear()
    return found


def _slots(lines: list[RouteStatus]) -> int:
    """Those of a route. Its versions have their own; WebSockets may have theirs beside these."""
    kinds: dict[str, int] = defaultdict(int)
    for row in lines:
        kinds[row.kind] += row.slots - row.borrowed
    return kinds.get("http") or max(kinds.values(), default=0)
