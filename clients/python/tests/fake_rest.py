"""A REST gateway that does what a test says, over a real socket."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from prack_worker.rest.transport import RestTransport
from prack_worker.transport import Identity

MAX_READ = 64 * 1024


@dataclass
class Call:
    """One call of the worker; the test answers it."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    content: Any
    reply: asyncio.Future[tuple[int, str, Any]]

    def answer(self, status: int = 200, retry_after: int | None = None, **content: Any) -> None:
        field = "" if retry_after is None else f"Retry-After: {retry_after}\r\n"
        self.reply.set_result((status, field, content))

    def accept(self) -> list[dict[str, Any]]:
        """Take a batch of answers; returns them."""
        self.answer(results=[{"identifier": a["identifier"], "status": 200} for a in self.content])
        return list(self.content)


def entry(identifier: str = "lease-1", body: bytes = b"", **environment: Any) -> dict[str, Any]:
    """One request of a poll."""
    values = {
        "REQUEST_METHOD": "GET",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "rack.url_scheme": "http",
        "prack.request_id": "r1",
        "prack.attempt": 1,
        "prack.deadline_ms": 60_000,
        "prack.target": "/",
        "prack.headers": [["host", "example.com"]],
        "body": base64.b64encode(body).decode(),
    }
    return {"identifier": identifier, "environment": values | environment}


class Incoming:
    """A response that the worker sends as a message, read as far as the test wants."""

    def __init__(
        self,
        path: str,
        headers: dict[str, str],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.path = path
        self.headers = headers
        self._reader = reader
        self._writer = writer
        self.ended = asyncio.Event()
        self.left = asyncio.Event()  # the worker has closed the connection, after the answer

    async def all(self) -> bytes:
        """The message, whose length is known."""
        async with asyncio.timeout(20):
            return await self._reader.readexactly(int(self.headers["content-length"]))

    async def chunk(self) -> bytes:
        """The next piece of a message whose length is not known; the last one is empty."""
        async with asyncio.timeout(20):
            size = int(await self._reader.readline(), 16)
            return (await self._reader.readexactly(size + 2))[:-2]

    def answer(self, status: int = 200, **content: Any) -> None:
        self._writer.write(response(status, "", content))
        self.ended.set()

    def cut(self) -> None:
        self._writer.close()
        self.ended.set()

    async def over(self) -> bool:
        """Wait until the worker is gone; False, as the connection carries nothing more."""
        with suppress(ConnectionError):
            while await self._reader.read(MAX_READ):
                pass
        self.left.set()
        return False


def response(status: int, field: str, content: Any) -> bytes:
    body = json.dumps(content).encode()
    line = f"HTTP/1.1 {status} X\r\n{field}Content-Length: {len(body)}\r\n\r\n"
    return line.encode() + body


class FakeRest:
    """Queues the worker's calls; polls and the others apart, as they come in any order."""

    def __init__(self) -> None:
        self.url = ""
        self._polls: asyncio.Queue[Call] = asyncio.Queue()
        self._posts: asyncio.Queue[Call] = asyncio.Queue()
        self._messages: asyncio.Queue[Incoming] = asyncio.Queue()
        self.drains: list[Any] = []
        self.left = asyncio.Semaphore(0)  # for each of them
        self.polled = 0
        self._connections: set[asyncio.Task[None]] = set()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator["FakeRest"]:
        gateway = cls()
        server = await asyncio.start_server(gateway._serve, "127.0.0.1", 0)
        gateway.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield gateway
        finally:
            server.close()
            for task in gateway._connections:
                task.cancel()
            if gateway._connections:
                await asyncio.wait(gateway._connections)

    async def poll(self) -> Call:
        async with asyncio.timeout(20):
            return await self._polls.get()

    async def post(self) -> Call:
        async with asyncio.timeout(20):
            return await self._posts.get()

    async def message(self) -> Incoming:
        async with asyncio.timeout(20):
            return await self._messages.get()

    def transport(self, token: str | None = None, **identity: Any) -> RestTransport:
        return RestTransport(self.url, Identity("w1", **identity), lambda: token)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        except asyncio.IncompleteReadError:
            return False
        method, target, _ = head[0].split(" ")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
        url = urlsplit(target)
        if headers.get("content-type") == "application/http":
            message = Incoming(url.path.removeprefix("/api/v1"), headers, reader, writer)
            self._messages.put_nowait(message)
            await message.ended.wait()
            return await message.over()
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        call = Call(
            method,
            url.path.removeprefix("/api/v1"),
            parse_qsl(url.query, keep_blank_values=True),
            headers,
            json.loads(content) if content else None,
            asyncio.get_running_loop().create_future(),
        )
        if call.path == "/drain":
            self.drains.append(call.content)
            call.answer(workers=1, held=0)
            self.left.release()
        else:
            self.polled += method == "GET"
            (self._polls if method == "GET" else self._posts).put_nowait(call)
        status, field, value = await call.reply
        writer.write(response(status, field, value))
        await writer.drain()
        return True
