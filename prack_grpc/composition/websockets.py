"""The WebSockets of the public port; their library is loaded with the first (decision 0048)."""

import asyncio
from functools import cached_property
from typing import TYPE_CHECKING

from prack_grpc.gateway.app import PublicApp
from prack_grpc.gateway.http.admission import Place
from prack_grpc.gateway.http.server import HttpServer

if TYPE_CHECKING:
    import uvicorn


class WebSockets:
    """Makes their connections. `most` is the size of a message."""

    def __init__(self, app: PublicApp, most: int) -> None:
        self._app = app
        self._most = most

    def __call__(
        self, server: HttpServer, client: tuple[str, int] | None, place: Place
    ) -> asyncio.Protocol:
        """See HttpServer."""
        from prack_grpc.gateway.websocket.connection import WebSocketConnection

        return WebSocketConnection(self._config, server, client, place)

    @cached_property
    def _config(self) -> "uvicorn.Config":
        from prack_grpc.gateway.websocket.connection import settings

        return settings(self._app, self._most)
