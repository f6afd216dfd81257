"""Frames over gRPC: each is a message of one bidirectional call."""

import asyncio
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.stream.carrier import TURN, Take
from prack_grpc.stream.errors import NotAFrame
from prack_grpc.stream.grpc.call import Call, Status
from prack_wire.frames import MAX_FRAME


class GrpcCarrier:
    """Implements `carrier.Carrier` for one call."""

    transport = "grpc"

    def __init__(self, call: Call, principal: Principal) -> None:
        self.principal = principal
        self.peer = call.peer
        self.certificate = call.certificate
        self._call = call

    async def receive(self) -> bytes | None:
        try:
            return await self._call.receive()
        except Status as error:
            raise NotAFrame(error.message) from None

    async def each(self, take: Take) -> None:
        """See Carrier."""
        left = TURN
        while (message := await self.receive()) is not None:
            left -= take(message)
            if left <= 0:
                left = TURN
                await asyncio.sleep(0)

    def greeted(self) -> None:
        self._call.most = MAX_FRAME

    async def write(self, *frames: bytes) -> bool:
        """See Carrier."""
        return await self._call.write(b"".join(frames))  # is a frame, too: proto/README.md 1.6

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """See Carrier. A message costs more than a frame: there should be few, and full."""
