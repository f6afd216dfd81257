"""HTTP/1.1 as the worker API speaks it: calls, and replies to them."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import h11

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.certificates import Changing
from prack_grpc.conformance.listening import tcp_port

READ = 64 * 1024


class Left(Exception):
    """The worker has closed the connection of a call."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call gets; without a status the connection is broken off."""

    status: int
    content: bytes = b""
    fields: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: object, status: int = 200, **fields: str) -> "Reply":
        """A JSON document; `Retry_After` is the field Retry-After."""
        named = {name.replace("_", "-"): text for name, text in fields.items()}
        kind = "application/json" if status < 400 else "application/problem+json"
        return cls(status, json.dumps(value).encode(), {"Content-Type": kind, **named})

    @classmethod
    def problem(cls, status: int, code: str, **fields: str) -> "Reply":
        """An error of the API."""
        words = f"the kit says {code}"
        return cls.json({"code": code, "error": words, "detail": words}, status, **fields)


BREAK = Reply(0)
THANKS = Reply.json({"message": "thank you"})
Handle = Callable[["Call"], Awaitable[Reply]]


class Call:
    """One call of a worker."""

    def __init__(self, connection: "Connection", request: h11.Request) -> None:
        self._connection = connection
        self.method = request.method.decode()
        target = urlsplit(request.target.decode())
        self.path = target.path
        self.query = parse_qs(target.query, keep_blank_values=True)
        self.fields = [(name.lower(), value) for name, value in request.headers]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def field(self, name: bytes) -> str:
        """Its value, "" without it."""
        return next((value.decode("latin-1") for key, value in self.fields if key == name), "")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises Left if it breaks off."""
        async for piece in self._connection.body():
            yield piece

    async def body(self) -> bytes:
        """The whole body. Raises Left."""
        return b"".join([piece async for piece in self.pieces()])

    async def while_there(self, wait: Coroutine[Any, Any, None]) -> None:
        """Wait, as long as the worker keeps the connection. Raises Left."""
        await self._connection.watch(wait)

    async def stream(self, head: Reply, pieces: AsyncIterator[bytes]) -> None:
        """Send a reply whose length nobody knows, by pieces."""
        await self._connection.stream(head, pieces)


class Connection:
    """One connection, of any number of calls."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.SERVER)
        self.idle = True

    async def serve(self, handle: Handle, stranger: bool) -> None:
        """Handle calls until the worker closes. Raises Broken for what is no HTTP.

        To a `stranger` there must be none.
        """
        try:
            while isinstance(event := await self._event(), h11.Request):
                if stranger:
                    raise Broken("Token", "a call to a gateway with a stranger's certificate")
                self.idle = False
                reply = await handle(Call(self, event))
                if not reply.status:
                    return
                await self._send(reply)
                async for _ in self.body():
                    pass
                if self._http.our_state is not h11.DONE:
                    return
                self._http.start_next_cycle()
                self.idle = True
        except h11.RemoteProtocolError as error:
            raise Broken("Pull", f"a call that is no HTTP/1.1: {error}") from None
        except (Left, ConnectionError):
            pass
        finally:
            self._writer.close()

    async def _event(self) -> Any:
        """The next event of h11. Raises Left in the middle of a message."""
        while True:
            if self._http.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                self._write(go_on)
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._reader.read(READ)
            if not data and self._http.their_state is h11.SEND_BODY:
                raise Left
            self._http.receive_data(data)

    async def body(self) -> AsyncIterator[bytes]:
        """What is left of the body. Raises Left."""
        while self._http.their_state is h11.SEND_BODY:
            event = await self._event()
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def watch(self, wait: Coroutine[Any, Any, None]) -> None:
        """See Call.while_there."""
        waiting = asyncio.ensure_future(wait)
        leaving = asyncio.ensure_future(self._reader.read(READ))
        try:
            await asyncio.wait([waiting, leaving], return_when=asyncio.FIRST_COMPLETED)
            if leaving.done():
                if not leaving.result():
                    raise Left
                self._http.receive_data(leaving.result())
                await waiting
        finally:
            for task in (waiting, leaving):
                task.cancel()
            await asyncio.gather(waiting, leaving, return_exceptions=True)

    async def _send(self, reply: Reply) -> None:
        fields = {"Content-Length": str(len(reply.content)), **reply.fields}
        self._write(h11.Response(status_code=reply.status, headers=list(fields.items())))
        self._write(h11.Data(data=reply.content))
        self._write(h11.EndOfMessage())
        await self._writer.drain()

    async def stream(self, head: Reply, pieces: AsyncIterator[bytes]) -> None:
        """See Call.stream."""
        fields = {"Transfer-Encoding": "chunked", **head.fields}
        self._write(h11.Response(status_code=head.status, headers=list(fields.items())))
        async for piece in pieces:
            self._write(h11.Data(data=piece))
            await self._writer.drain()
        self._write(h11.EndOfMessage())

    def _write(self, event: Any) -> None:
        self._writer.write(self._http.send(event) or b"")

    def close(self) -> None:
        """Close it, as a server does with a connection that was idle for long."""
        self._writer.close()


@asynccontextmanager
async def listening(
    handle: Handle,
    connections: set[Connection],
    breaks: Callable[[Broken], None],
    tls: Changing | None,
) -> AsyncIterator[str]:
    """Inside it workers can call; gives the URL. `breaks` is told of what is no HTTP."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        connections.add(connection)
        try:
            await connection.serve(handle, tls is not None and tls.is_stranger(writer))
        except Broken as broken:
            breaks(broken)
        finally:
            connections.discard(connection)

    async with tcp_port(serve, tls) as port:
        yield f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
