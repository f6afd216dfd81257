"""Values that a setting has by route: of those that match a request, that of the most specific."""

from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.limits import MAX_BY_ROUTE
from prack_grpc.core.queue.routes import DEFAULT, Route
from prack_grpc.core.queue.table import RouteTable

V = TypeVar("V")


class ByRoute(Generic[V]):
    """The value for each request, whichever routes its workers serve."""

    def __init__(self, values: Mapping[Route, V]) -> None:
        self._values = dict(values)
        self._table: RouteTable[Route, Route] = RouteTable(Kind.HTTP, 0.0)
        for route in values:
            if route != DEFAULT:  # which every table has
                self._table.add(route, 0.0)

    def get(self, request: Request) -> V | None:
        """That of the most specific route that matches; None if that has none."""
        place = self._table.find(request.authority, request.path, request.method)
        return self._values.get(place.route)


def parse(text: str, what: str, value: Callable[[str], V]) -> dict[Route, V]:
    """Values by route from `1MiB; POST /login = 0`; one without a route is for all others.

    `what` names such a value. Raises ValueError.
    """
    values: dict[Route, V] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        place, equals, word = part.rpartition("=")
        try:
            route = Route.parse(place) if equals else DEFAULT
        except BadRoute as error:
            raise ValueError(f"expected ROUTE = {what.upper()}, not {part!r}: {error}") from None
        found = value(word.strip())
        if route in values:
            raise ValueError(f"expected one {what} for each route, {route} has two")
        values[route] = found
    if len(values) > MAX_BY_ROUTE:
        raise ValueError(f"expected at most {MAX_BY_ROUTE} {what}s")
    return values
