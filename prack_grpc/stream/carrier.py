"""What carries the frames of one worker's stream."""

from collections.abc import Callable
from typing import Protocol

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.private.certificate import Certificate


class Carrier(Protocol):
    """One stream, for one reader and one writer, of whoever is the `principal`.

    `peer` is the worker's address, for people; `certificate` is the name that its authority has
    signed, if it had to show one.
    """

    principal: Principal
    peer: str
    certificate: Certificate | None
    transport: str

    async def receive(self) -> bytes | None:
        """The bytes of the next frame, None when the worker has ended its side or is gone.

        Raises FrameTooLong.
        """

    def greeted(self) -> None:
        """The worker has said hello: its next frames may be as large as any."""

    async def write(self, *frames: bytes) -> bool:
        """Write encoded frames; returns when more may follow, or False: none ever will."""

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """Take a frame and write it, if it costs little and the one before is no longer here."""
