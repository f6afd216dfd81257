"""The endpoints for operators: inspecting, and what `Operating` has.

Their docstrings are the descriptions at /docs.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.neighbours import merging
from prack_grpc.neighbours.call import PASSED_ON
from prack_grpc.neighbours.mesh_words import dumped, loaded
from prack_grpc.private import bodies
from prack_grpc.private.errors import BAD_JSON, NO_STORE, NOT_FOUND, ApiError
from prack_grpc.private.operators.operating import Operating, shown
from prack_grpc.private.operators.together import Merges
from prack_grpc.words.word import BadWord

# How the answers of all gateways become one.
MERGES: Merges = {
    ("GET", "/api/v1/queue"): merging.counts,
    ("GET", "/api/v1/workers"): merging.rows(
        "workers", "worker", "service", "version", "principal", apart=True
    ),
    ("GET", "/api/v1/routes"): merging.rows("routes", "route", "kind", "version"),
    ("GET", "/api/v1/versions"): merging.rows("versions", "service", "version"),
    ("PUT", "/api/v1/traffic"): merging.own,
    ("POST", "/api/v1/drain"): merging.counts,
    ("POST", "/api/v1/resume"): merging.counts,
}


class OperatorEndpoints(Operating):
    """Each takes the framework's request, and raises ApiError or Gone."""

    async def queue(self, request: Request) -> Response:
        """The requests that wait, that are being answered, and that were done since the start.

        At every moment `accepted` is the sum of `done` and `in_flight`, and `leased` the sum of
        `leases` and `open_leases`. Times are in seconds.
        """
        await bodies.read(request.receive)
        return shown(asdict(self._broker.status().queue))

    async def workers(self, request: Request) -> Response:
        """The connected workers, with their slots and the requests that they hold."""
        await bodies.read(request.receive)
        return shown({"workers": [asdict(row) for row in self._broker.status().workers]})

    async def routes(self, request: Request) -> Response:
        """The routes with workers or requests, with what waits for them."""
        await bodies.read(request.receive)
        return shown({"routes": [asdict(row) for row in self._broker.status().routes]})

    async def versions(self, request: Request) -> Response:
        """The versions of each service: `active`, `draining`, or `drained`, then safe to stop."""
        await bodies.read(request.receive)
        return shown({"versions": [asdict(row) for row in self._broker.status().versions]})

    async def words(self, request: Request) -> Response:
        """Another gateway tells what operators have said; the reply is what is known here."""
        if not request.scope.get(PASSED_ON):
            raise ApiError(NOT_FOUND)
        content = await bodies.read(request.receive)
        try:
            words = loaded(content)
        except BadWord as error:
            raise ApiError(BAD_JSON, str(error)) from None
        for word in words:
            self._steering.heed(word)
        return Response(dumped(self._steering.known()), 200, NO_STORE, "application/json")
