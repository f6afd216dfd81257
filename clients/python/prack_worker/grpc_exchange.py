"""One exchange over a gRPC stream: windows, and a small response as one event."""

from __future__ import annotations

from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ResponseRefused
from prack_worker.exchange import AbortCode, CancelReason, Exchange, Headers
from prack_worker.outbox import Outbox, Outgoing
from prack_worker.request import Request, RequestBody
from prack_worker.windows import Limits, RequestWindow, ResponseWindow


class GrpcExchange(Exchange):
    """An exchange whose events go to the outbox of one stream."""

    __slots__ = ("_forget", "_limits", "_outbox", "_outgoing", "window")

    def __init__(
        self,
        message: pb.Request,
        now: float,
        outbox: Outbox,
        limits: Limits,
        forget: Callable[[int], object],
    ) -> None:
        consumed = None if message.end else RequestWindow(message.id, outbox).consumed
        body = RequestBody(message.body, end=message.end, consumed=consumed)
        super().__init__(to_request(message, now), body)
        self.window = ResponseWindow(limits.window)
        self._outgoing = Outgoing(message.id)
        self._outbox = outbox
        self._limits = limits
        self._forget = forget

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        self._check_open()
        flat = [part for name, value in headers for part in (name.lower(), value)]
        outgoing = self._outgoing
        outgoing.head_size = sum(map(len, flat))
        if outgoing.head_size > self._limits.head:
            raise ResponseRefused(f"the response head is larger than {self._limits.head} bytes")
        outgoing.head = pb.ResponseHead(id=outgoing.id, status=status, headers=flat)
        self._outbox.add(outgoing)
        if body or end:
            await self.send_body(body, end)

    async def send_body(self, data: bytes, end: bool = False) -> None:
        self._check_open()
        if not self._ride_in_head(data, end):
            await self._send_chunks(data)
            self._outgoing.finish = end
            self._outbox.add(self._outgoing)
        if end:
            self._end()

    def abort(self, code: AbortCode, message: str) -> None:
        if self.ended:
            return
        self._outgoing.drop()  # or the abort would overtake it
        self._outbox.steer().aborts.add(id=self._outgoing.id, code=int(code), message=message)
        self._end()

    def cancel(self, reason: CancelReason) -> None:
        self._outgoing.drop()
        super().cancel(reason)

    def _ride_in_head(self, data: bytes, end: bool) -> bool:
        """Whether the head was still here and took the data along."""
        head, size = self._outgoing.head, len(data)
        if head is None or self._outgoing.chunks or size > self.window.left():
            return False
        if len(head.body) + size > self._limits.chunk:
            return False
        head.body += data
        head.end = end
        self.window.use(size)
        return True

    async def _send_chunks(self, data: bytes) -> None:
        start = 0
        while start < len(data):
            size = min(len(data) - start, self._limits.chunk, self.window.left())
            if size > 0:
                self._outgoing.chunks.append(data[start : start + size])
                self._outbox.add(self._outgoing)
                self.window.use(size)
                start += size
            else:
                await self.window.change()
                self._check_open()

    def _end(self) -> None:
        super()._end()
        self._forget(self._outgoing.id)

    def _close(self) -> None:
        super()._close()
        self.window.wake()


def to_request(message: pb.Request, now: float) -> Request:
    """The request that a message holds; `now` is when it came, on the event loop's clock."""
    flat = iter(message.headers)
    return Request(
        id=message.id,
        request_id=message.request_id,
        method=message.method.decode("latin-1"),
        scheme=message.scheme.decode("latin-1"),
        authority=message.authority.decode("latin-1"),
        target=message.target,
        http_version=message.http_version.decode("latin-1"),
        headers=list(zip(flat, flat, strict=False)),
        client=(message.client.ip, message.client.port) if message.client.ip else None,
        deadline=now + message.deadline_ms / 1000,
        attempt=message.attempt,
    )
