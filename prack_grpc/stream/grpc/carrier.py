"""Frames over gRPC: each is a message of one bidirectional call."""

from collections.abc import Callable
from urllib.parse import unquote

import grpc

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.private.certificate import Certificate, certificate

# In what gRPC tells of a peer's certificate.
NAMES = ("peer_dns", "peer_uri", "x509_common_name")
Context = grpc.aio.ServicerContext[object, bytes]


class GrpcCarrier:
    """Implements `carrier.Carrier` for one call."""

    transport = "grpc"

    def __init__(self, context: Context, principal: Principal) -> None:
        self.principal = principal
        self.peer = peer(context)
        self._context = context
        self.certificate = shown(context)

    async def receive(self) -> bytes | None:
        message = await self._context.read()
        return message if isinstance(message, bytes) else None  # grpc.aio.EOF

    def greeted(self) -> None:
        """See Carrier. All messages of gRPC have one limit."""

    async def write(self, *frames: bytes) -> bool:
        """See Carrier. The call of a worker that is gone is cancelled."""
        await self._context.write(b"".join(frames))  # is a frame, too: proto/README.md 1.6
        return True

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """See Carrier. A message costs too much to send one that is not full."""


def shown(context: Context) -> Certificate | None:
    """The certificate of whoever has made a call."""
    about = context.auth_context()
    return certificate(*([one.decode() for one in about.get(kind, ())] for kind in NAMES))


def peer(context: Context) -> str:
    """Address and port of whoever has made a call."""
    return unquote(context.peer().partition(":")[2])  # without "ipv4:"
