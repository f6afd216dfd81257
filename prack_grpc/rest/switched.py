"""`GET /api/v1/stream` as an endpoint among others, with its description."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.rest.switching import StreamEndpoint


class Switched(Response):
    """Sends nothing: the connection is HTTP's no more."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""


class SwitchedEndpoint:
    """See StreamEndpoint."""

    def __init__(self, endpoint: StreamEndpoint) -> None:
        self._endpoint = endpoint

    async def stream(self, request: Request) -> Response:
        """Turns the connection into a stream of frames: the gRPC worker protocol without gRPC.

        With `Connection: Upgrade` and `Upgrade: prack.v1`; see proto/README.md, section 11.
        """
        self._endpoint.switch(request.scope)
        return Switched()
