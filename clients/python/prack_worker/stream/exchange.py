"""One exchange over a stream of frames: windows, and a small response as one event."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ResponseRefused
from prack_worker.exchange import AbortCode, CancelReason, Exchange, Headers
from prack_worker.request import RequestBody
from prack_worker.stream.fields import flatten, to_request
from prack_worker.stream.outbox import Head, Outbox, Outgoing
from prack_worker.stream.windows import Limits, RequestWindow, ResponseWindow


class StreamExchange(Exchange):
    """An exchange whose events go to the outbox of one stream."""

    __slots__ = (
        "_last",
        "_left",
        "_limits",
        "_on_end",
        "_outbox",
        "_outgoing",
        "_unsent",
        "_window",
    )
    extras = True

    def __init__(
        self,
        message: pb.Request,
        now: float,
        outbox: Outbox,
        limits: Limits,
        on_end: Callable[[int], object],
    ) -> None:
        request = to_request(message, now)
        if end := message.end:
            body = RequestBody(message.body, end)
        else:
            waits = message.expect_continue
            window = RequestWindow(request.id, outbox, waits=waits)
            body = RequestBody(message.body, end, window.consumed, waits)
        super().__init__(request, body)
        self._window = ResponseWindow(limits.window)
        self._unsent: deque[memoryview] = deque()  # past the window
        self._last = False  # the response ends with what is unsent
        self._left = False  # the client of a WebSocket has
        self._outgoing = Outgoing(request.id)
        self._outbox = outbox
        self._limits = limits
        self._on_end = on_end

    @property
    def size(self) -> int:
        """See Exchange: what has passed the window."""
        return self._window.sent

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        self._check_open()
        self._check_status(status)
        flat, size = flatten(headers)
        if size > self._limits.head:
            raise ResponseRefused(f"the response head is larger than {self._limits.head} bytes")
        head = Head(status, flat, size)
        if 101 < status < 200:
            self._outgoing.early.append(head)
        else:
            self._outgoing.head = head
            self._begin(status)
        self._outbox.add(self._outgoing)
        if body or end:
            await self.send_body(body, end)

    async def send_body(self, data: bytes, end: bool = False) -> None:
        self._check_open()
        if self._bodiless:
            data = b""
        if not self._ride_in_head(data, end):
            if data:
                self._unsent.append(memoryview(data))
            self._last = end
            self._pump()
            self._notice_a_stall()
            while self._unsent:
                await self._window.change()
                if self._unsent:
                    self._check_open()
        elif end:
            self._end()

    async def send_trailers(self, trailers: Headers) -> None:
        flat, size = flatten(trailers)
        if size > self._limits.head:
            raise ResponseRefused(f"the trailers are larger than {self._limits.head} bytes")
        self._outgoing.trailers = flat
        await self.send_body(b"", end=True)

    def widen(self, max_offset: int) -> None:
        """The gateway takes more of the response."""
        self._window.widen(max_offset)
        if not self._is_over():
            self._pump()

    def finish_body(self) -> None:
        """The request's body is complete; the client of a WebSocket has left (section 10.4)."""
        self.body.finish()
        self._left = self.request.websocket and not self.request.tunnel
        self._notice_a_stall()

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
        outgoing, size = self._outgoing, len(data)
        head = outgoing.head
        if head is None or outgoing.chunks or self._unsent or size > self._window.left():
            return False
        if head.status < 200 or outgoing.trailers or len(head.body) + size > self._limits.chunk:
            return False
        head.body += data
        head.size += size
        head.end = end
        self._window.use(size)
        return True

    def _pump(self) -> None:
        """Queue what the window lets through."""
        while self._unsent and (left := self._window.left()) > 0:
            data = self._unsent.popleft()
            size = min(len(data), self._limits.chunk, left)
            self._outgoing.chunks.append(bytes(data[:size]))
            self._window.use(size)
            if size < len(data):
                self._unsent.appendleft(data[size:])
        if self._last and not self._unsent:
            self._outgoing.finish = True
        if self._outgoing.chunks or self._outgoing.finish:
            self._outbox.add(self._outgoing)
        if self._outgoing.finish:
            self._end()

    def _notice_a_stall(self) -> None:
        """For the client of a WebSocket that has left, no window will be widened."""
        if self._left and self._unsent:
            self.cancel(CancelReason.CLIENT_GONE)

    def _end(self) -> None:
        super()._end()
        self._on_end(self._outgoing.id)

    def _close(self) -> None:
        super()._close()
        self._window.wake()
