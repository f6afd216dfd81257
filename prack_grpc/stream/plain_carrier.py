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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = ":".join(map(str, transport.get_extra_info("peername")[:2]))
        self.certificate = of_connection(transport.get_extra_info("peercert"))
        self._serve(self)

    def greeted(self) -> None:
        self._incoming.most = MAX_FRAME

    async def each(self, take: Take) -> None:
        """See Carrier."""
        await self.pass_on(take, TURN)

    async def write(self, *frames: bytes) -> bool:
        return await self.send(*frames)

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        if self.ready and (frame := next_frame()) is not None:
            self.post(frame.SerializeToString())
