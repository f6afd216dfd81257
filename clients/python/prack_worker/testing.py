"""A fake exchange, for tests of handlers and adapters without a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prack_worker.exchange import AbortCode, Exchange, Headers
from prack_worker.request import Request, RequestBody


class FakeExchange(Exchange):
    """An exchange in memory: what was sent is kept for the test to look at.

    The body of a `websocket` is made of events: see `prack_wire.websocket_events`.

    Args:
        body: the whole request body, or None to bring it with `exchange.body.feed` and `finish`.

    Attributes:
        hints: the heads with a status of 102 to 199 that came before it.
        headers: of the response.
        pieces: the body, one item for each send that held bytes.
        sends: how many sends there were, the head's included.
        trailers: the fields after the body.
        aborted: code and message of an abort.
        sent: set by the first send.
        gate: clear it to make sends wait, as a client that does not read would.
    """

    extras = True

    def __init__(
        self,
        method: str = "GET",
        target: bytes = b"/",
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes | None = b"",
        *,
        scheme: str = "http",
        authority: str = "example.com",
        client: tuple[str, int] | None = ("192.0.2.7", 4711),
        websocket: bool = False,
    ) -> None:
        request = Request(
            id=1,
            request_id="r1",
            method=method,
            scheme=scheme,
            authority=authority,
            target=target,
            http_version="1.1",
            headers=list(headers),
            client=client,
            deadline=60.0,
            attempt=1,
            websocket=websocket,
        )
        super().__init__(request, RequestBody(body or b"", end=body is not None))
        self.headers: list[tuple[bytes, bytes]] = []
        self.hints: list[tuple[int, list[tuple[bytes, bytes]]]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.pieces: list[bytes] = []
        self.sends = 0
        self.aborted: tuple[AbortCode, str] | None = None
        self.sent = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def content(self) -> bytes:
        """The body so far."""
        return b"".join(self.pieces)

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        self._check_open()
        self._check_status(status)
        if 101 < status < 200:
            self.hints.append((status, list(headers)))
            return
        self.status, self.headers = status, list(headers)
        await self._send(body, end)

    async def send_body(self, data: bytes, end: bool = False) -> None:
        self._check_open()
        await self._send(data, end)

    async def send_trailers(self, trailers: Headers) -> None:
        self.trailers = list(trailers)
        await self.send_body(b"", end=True)

    def abort(self, code: AbortCode, message: str) -> None:
        if not self.ended:
            self.aborted = code, message
            self._end()

    async def _send(self, data: bytes, end: bool) -> None:
        self.sends += 1
        self.sent.set()
        if data:
            self.pieces.append(data)
        await self.gate.wait()
        self._check_open()
        if end:
            self._end()
