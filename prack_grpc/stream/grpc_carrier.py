"""Frames over gRPC: each is a message of one bidirectional call."""

from collections.abc import Callable

import grpc

from prack.v1 import worker_pb2 as pb
from prack_grpc.stream.errors import NotAFrame
from prack_grpc.stream.frame import parse

Context = grpc.aio.ServicerContext[object, bytes]


def read_frame(data: bytes) -> pb.WorkerFrame | NotAFrame:
    """A frame for `GrpcCarrier.read`, or why it is none: gRPC would leak the parser's own words."""
    try:
        return parse(data)
    except NotAFrame as error:
        return error


class GrpcCarrier:
    """Implements `carrier.Carrier` for one call."""

    def __init__(self, context: Context) -> None:
        self.peer = context.peer()
        self._context = context

    async def read(self) -> pb.WorkerFrame | None:
        """See Carrier."""
        frame = await self._context.read()
        if isinstance(frame, NotAFrame):
            raise frame
        if not isinstance(frame, pb.WorkerFrame):
            return None  # grpc.aio.EOF
        return frame

    async def write(self, *frames: bytes) -> bool:
        """See Carrier. The call of a worker that is gone is cancelled."""
        await self._context.write(b"".join(frames))  # is a frame, too: proto/README.md 1.6
        return True

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """See Carrier. A message costs too much to send one that is not full."""
