"""What carries the frames of one worker's stream."""

from collections.abc import Callable
from typing import Protocol

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.worker import Principal
from prack_grpc.private.certificate import Certificate

# Events that one worker's frames may bring before others have their turn of the loop.
TURN = 64
# Applies a message, and returns how many events it counts for.
Take = Callable[[bytes], int]


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

    async def each(self, take: Take) -> None:
        """Hand over the messages that follow, as they come; returns as `receive` returns None.

        Raises FrameTooLong, and what `take` raises.
        """

    def greeted(self) -> None:
        """The worker has said hello: its next frames may be as large as any."""

    async def write(self, *frames: bytes) -> bool:
        """Write encoded frames; returns when more may follow, or False: none ever will."""

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """Take a frame and write it, if it costs little and the one before is no longer here."""
