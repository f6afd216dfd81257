"""A row about one WebSocket, driven by the `websockets` client."""

import asyncio
import contextlib
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Response

from tests.acceptance.processes import STREAMS
from tests.differential.apps import host
from tests.differential.facts import Facts, facts
from tests.differential.row import probe, request
from tests.differential.wire import SECONDS, Message, Talk, talk


@dataclass(frozen=True)
class SocketRow:
    """The client sends each of `says` and reads a message for it, then closes, or waits for it.

    A message that is a tuple goes out in fragments.
    """

    name: str
    page: str
    says: tuple[str | bytes | tuple[str, ...], ...] = ()
    close: tuple[int, str] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    app: ClassVar[str] = "asgi"
    # WebSockets need a stream.
    over: ClassVar[tuple[str, ...]] = STREAMS

    async def facts(self, port: int) -> list[Facts]:
        """What the client can tell about it, and what the application could."""
        name = host(self.app)
        slug = self.name.replace(" ", "-")
        uri = f"ws://{name}/{self.page}/{slug}?a=%20b"
        sock = socket.create_connection(("127.0.0.1", port))
        own_port = sock.getsockname()[1]
        try:
            async with asyncio.timeout(SECONDS):
                client = await connect(uri, sock=sock, **self.options)
                response, conversation = client.response, await self._converse(client)
        except InvalidStatus as error:
            response, conversation = error.response, {}
        assert response is not None
        left = request(f"/left/{slug}", host=name.encode())
        end = await talk(port, [left], probe(self.app))
        messages = [_message(response), *end.messages]
        found = facts(Talk(messages, end.end, own_port), b"")
        found[0].single |= conversation
        return found

    async def _converse(self, client: ClientConnection) -> dict[str, str]:
        received = []
        with contextlib.suppress(ConnectionClosed):
            for message in self.says:
                await client.send(message)
                received.append(await client.recv())
            if self.close is not None:
                await client.close(*self.close)
            while True:
                received.append(await client.recv())
        return {
            "messages": repr(received),
            "close": f"{client.close_code} {client.close_reason!r}",
            "subprotocol": str(client.subprotocol),
        }


def _message(response: Response) -> Message:
    # This field says what the client has made up.
    fields = [
        (name.lower(), "..." if name.lower() == "sec-websocket-accept" else value)
        for name, value in response.headers.raw_items()
    ]
    status, reason = response.status_code, response.reason_phrase
    return Message("HTTP/1.1", status, reason, fields, body=bytes(response.body or b""))
