"""Frames over a plain connection that was upgraded from HTTP/1.1 (proto/README.md section 11)."""

import asyncio
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.private.certificate import Certificate, of_connection
from prack_grpc.stream.carrier import TURN, Take
from prack_grpc.stream.hello import MAX_HELLO
from prack_wire.frames import MAX_FRAME, Deframer, Frames


class PlainCarrier(Frames):
    """Implements `carrier.Carrier`. Calls `serve` with itself once it has its connection."""

    transport = "prack"

    def __init__(self, serve: Callable[["PlainCarrier"], None], principal: Principal) -> None:
        super().__init__()
        self.principal = principal
        self._incoming = Deframer(MAX_HELLO)
        self.peer = ""
        self.certificate: Certificate | None = None
        self._serve = serve
        self._take: Take | None = None
        self._over: asyncio.Future[None] | None = None
        self._waits = False  # for its next turn

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = ":".join(map(str, transport.get_extra_info("peername")[:2]))
        self.certificate = of_connection(transport.get_extra_info("peercert"))
        self._serve(self)

    def greeted(self) -> None:
        self._incoming.most = MAX_FRAME

    async def each(self, take: Take) -> None:
        """See Carrier. Each is taken in the turn in which it is read, and wakes no task."""
        self._take, self._over = take, self._loop.create_future()
        self._pass_on()
        try:
            await self._over
        finally:
            self._take = self._over = None  # its error holds this

    def _pass_on(self) -> None:
        self._waits, left = False, TURN
        while (take := self._take) is not None and left > 0:
            try:
                message = self._incoming.next()
                if message is None:
                    break
                left -= take(message)
            except Exception as error:
                self._finish(error)
        if left <= 0:
            self._waits = True
            self._loop.call_soon(self._pass_on)
        elif self._ended:
            self._finish(None)
        else:
            self._transport.resume_reading()

    def _finish(self, error: Exception | None) -> None:
        self._take = None
        if self._over is None or self._over.done():
            return
        if error is None:
            self._over.set_result(None)
        else:
            self._over.set_exception(error)

    def _rouse(self) -> None:
        super()._rouse()
        if self._take is not None and not self._waits:
            self._pass_on()

    async def write(self, *frames: bytes) -> bool:
        return await self.send(*frames)

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        if self.ready and (frame := next_frame()) is not None:
            self.post(frame.SerializeToString())
