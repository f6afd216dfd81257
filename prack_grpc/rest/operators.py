"""The endpoints for operators: inspecting, and what `Operating` has.

Their docstrings are the descriptions at /docs.
"""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.private import bodies
from prack_grpc.private.operating import Operating, shown


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
