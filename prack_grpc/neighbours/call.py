"""One call to another gateway, which passes on a call of ours or asks in its name.

House rules: the other gateway believes whose call it is, as nobody else can reach it on this way;
what it replies is passed on as it comes.
"""

import asyncio
import contextlib
import logging
from typing import Any

import h11
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prack_grpc.core.limits import PIECE

log = logging.getLogger(__name__)

# Fields of one connection (RFC 9110 section 7.6.1). Those of the framing go along: h11 reads them.
LOCAL = frozenset((b"connection", b"keep-alive", b"expect", b"host"))
# Tells the other gateway whose call it is; of others it believes it not.
CALLER = b"prack-principal"
# The revision of what an operator said, in the reply, and in the call that repeats it elsewhere.
REVISION = b"prack-revision"
# Of a scope: another gateway makes this call, which is to be answered for this gateway alone.
PASSED_ON = "prack.passed_on"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Call:
    """One call on a connection of its own, for the caller of this name; a gateway's own without."""

    def __init__(self, streams: Streams, scope: Scope, receive: Receive, caller: str) -> None:
        self._reader, self._writer = streams
        self._connection = h11.Connection(h11.CLIENT)
        fields = [field for field in scope["headers"] if field[0] not in LOCAL | {CALLER}]
        named = [(CALLER, caller.encode())] if caller else []
        self._send(
            h11.Request(
                method=scope["method"],
                target=scope.get("raw_path", scope["path"].encode()) + b"?" + scope["query_string"],
                headers=[(b"host", b"localhost"), *named, *fields],
            )
        )
        upload = self._upload(receive)
        self._uploading = asyncio.get_running_loop().create_task(upload, name="call-upload")

    async def reply(self) -> "Reply":
        """What it replies, from its head on. Raises ConnectionError."""
        try:
            while not isinstance(head := await self.event(), h11.Response):
                if isinstance(head, h11.ConnectionClosed):
                    raise ConnectionResetError("it has closed the connection")
        except BaseException:
            self.end()
            raise
        return Reply(self, head)

    async def event(self) -> Any:
        """What comes next. Raises ConnectionError."""
        try:
            while (event := self._connection.next_event()) is h11.NEED_DATA:
                self._connection.receive_data(await self._reader.read(PIECE))
        except h11.RemoteProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        return event

    def end(self) -> None:
        """Leave."""
        self._uploading.cancel()
        self._writer.close()

    def _send(self, event: Any) -> None:
        """Nothing once the connection is closed, to which uvloop takes no words."""
        if not self._writer.is_closing():
            self._writer.write(self._connection.send(event) or b"")

    async def _upload(self, receive: Receive) -> None:
        """Send the body, and leave when the caller leaves."""
        with contextlib.suppress(ConnectionError):
            while (message := await receive())["type"] == "http.request":
                self._send(h11.Data(data=message.get("body", b"")))
                if not message.get("more_body", False):
                    self._send(h11.EndOfMessage())
                await self._writer.drain()
        self._writer.close()


class Reply(Response):
    """A reply of another gateway: to `read`, or to be passed on as it comes, or to `end`."""

    def __init__(self, call: Call, head: h11.Response) -> None:
        self._call = call
        self.end = call.end
        self.status_code = head.status_code
        self.raw_headers = [field for field in head.headers if field[0] not in LOCAL]

    async def read(self) -> bytes:
        """The whole body. Raises ConnectionError."""
        pieces = []
        try:
            while isinstance(event := await self._call.event(), h11.Data):
                pieces.append(bytes(event.data))
        finally:
            self.end()
        return b"".join(pieces)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        try:  # a response that has no end is cut
            while isinstance(event := await self._call.event(), h11.Data):
                body = bytes(event.data)
                await send({"type": "http.response.body", "body": body, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ConnectionError as error:
            log.info("another gateway cut its reply: %s", error)
        finally:
            self.end()


def sent(content: bytes, receive: Receive) -> Receive:
    """A body that is here already, and what comes after it."""
    first = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive_next() -> Any:
        return first.pop() if first else await receive()

    return receive_next


async def nothing() -> Any:
    """A caller who sends nothing more, and stays."""
    await asyncio.get_running_loop().create_future()
