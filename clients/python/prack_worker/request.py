"""What a client sent: the request and the reader of its body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from prack_worker.errors import ClientDisconnected


@dataclass(slots=True)
class Request:
    """One client request, as the client sent it. Treat it as read-only.

    (Not frozen: a frozen dataclass costs 2 us more to build, and there is one for each request.)

    Attributes:
        id: names the exchange on its connection.
        request_id: names the exchange everywhere: logs, gateways, REST.
        method: as sent; any token.
        scheme: "http" or "https", as the client used it.
        authority: the Host field or its equivalent; may be empty.
        target: raw path and query, undecoded.
        http_version: the client's, "1.0" or "1.1".
        headers: (name, value) in order; names are lower-case and may repeat.
        client: (ip, port) of the client, None when unknown.
        deadline: when the head of the response is due, on the event loop's clock, in seconds.
        attempt: 1 for the first hand-out.
        websocket: both bodies are streams of events (proto/README.md, section 10).
        tunnel: of a `websocket`, they are the bytes of the connection instead, and the headers are
            those of a handshake that is to be answered with 101.
    """

    id: int
    request_id: str
    method: str
    scheme: str
    authority: str
    target: bytes
    http_version: str
    headers: list[tuple[bytes, bytes]]
    client: tuple[str, int] | None
    deadline: float
    attempt: int
    websocket: bool = False
    tunnel: bool = False

    def split_target(self) -> tuple[bytes, bytes]:
        """The raw path and the raw query, also of an absolute-form target (RFC 9112, 3.2.2)."""
        path, _, query = self.target.partition(b"?")
        if path[:1] == b"/" or b"://" not in path:
            return path, query
        return b"/" + path.partition(b"://")[2].partition(b"/")[2], query

    def x_request_id(self) -> str:
        """What clients and logs call it; several requests may have the same, if clients wish so."""
        for name, value in reversed(self.headers):  # gateways add theirs at the end
            if name == b"x-request-id":
                return value.decode("latin-1")
        return self.request_id

    def server(self) -> tuple[str, int] | None:
        """The host and the port that the client asked for; HTTP/1.0 need not name a host."""
        return _split_authority(self.authority, self.scheme) if self.authority else None


class RequestBody:
    """The body of one request: the transport feeds it, the application reads it.

    It holds what the window lets through, so it needs no limit of its own.

    Attributes:
        waits: the client waits for `100 Continue`, which the first read sends.
    """

    __slots__ = ("_changed", "_chunks", "_closed", "_consumed", "_end", "waits")

    def __init__(
        self,
        first: bytes = b"",
        end: bool = False,
        consumed: Callable[[int], None] | None = None,
        waits: bool = False,
    ) -> None:
        self._chunks = [first] if first else []
        self._end = end
        self._closed = False
        self._consumed = consumed
        self.waits = waits
        self._changed: asyncio.Event | None = None

    def complete(self) -> bytes | None:
        """All of the body, when it is here already; does not consume it."""
        return b"".join(self._chunks) if self._end else None

    @property
    def finished(self) -> bool:
        """No more will come; there may be something left to read."""
        return self._end

    def feed(self, data: bytes) -> None:
        if not self._end:
            self._chunks.append(data)
            self._wake()

    def finish(self) -> None:
        self._end = True
        self._wake()

    def close(self) -> None:
        """No more reading: the client left, or its response is complete."""
        self._closed = True
        self._chunks.clear()
        self._wake()

    async def read(self) -> tuple[bytes, bool]:
        """The next piece, and whether it is the last; `(b"", True)` once the end was read.

        Raises:
            ClientDisconnected: the body was closed.
        """
        while not (self._chunks or self._end or self._closed):
            self._report(0)  # the first grant, where the client waits for one
            await self._change()
        if self._closed:
            raise ClientDisconnected("the client has disconnected, or already has its response")
        chunk = self._chunks.pop(0) if self._chunks else b""
        self._report(len(chunk))
        return chunk, self._end and not self._chunks

    def _report(self, size: int) -> None:
        if self._consumed is not None and not self._end:
            self._consumed(size)

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = asyncio.Event()
        self._changed.clear()
        await self._changed.wait()

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()


def below(path: bytes, root: bytes) -> bool:
    """Whether this path is the root path or below it."""
    return path == root or path.startswith(root + b"/")


@lru_cache(maxsize=256)
def _split_authority(authority: str, scheme: str) -> tuple[str, int]:
    """Host and port of a Host field, with the scheme's default port."""
    host, _, port = authority.rpartition(":")
    if not host or (port and not (port.isascii() and port.isdigit())):
        host, port = authority, ""
    return host.strip("[]"), int(port or (443 if scheme == "https" else 80))
