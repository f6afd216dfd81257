"""Frames over gRPC: each is a message of one bidirectional call."""

from collections.abc import Callable

import grpc
from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_grpc.stream.errors import NotAFrame

Context = grpc.aio.ServicerContext[pb.WorkerFrame, bytes]
# What the parser makes of bytes that are not a frame: gRPC would leak the parser's own words.
NOT_A_FRAME = pb.WorkerFrame()


def parse(data: bytes) -> pb.WorkerFrame:
    """A frame for `GrpcCarrier.read`. Never raises."""
    try:
        return pb.WorkerFrame.FromString(data)
    except DecodeError:
        return NOT_A_FRAME


class GrpcCarrier:
    """Implements `carrier.Carrier` for one call."""

    def __init__(self, context: Context) -> None:
        self.peer = context.peer()
        self._context = context

    async def read(self) -> pb.WorkerFrame | None:
        """See Carrier."""
        frame = await self._context.read()
        if not isinstance(frame, pb.WorkerFrame):
            return None  # grpc.aio.EOF
        if frame is NOT_A_FRAME:
            raise NotAFrame
        return frame

    async def write(self, *frames: bytes) -> bool:
        """See Carrier. The call of a worker that is gone is cancelled."""
        await self._context.write(b"".join(frames))  # is a frame, too: proto/README.md 1.6
        return True

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """See Carrier. A message costs too much to send one that is not full."""
