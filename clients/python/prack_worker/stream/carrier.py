"""What carries the frames of one stream (proto/README.md, sections 1 and 11)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from prack.v1 import worker_pb2 as pb
from prack_worker.loops.pulse import Pulse


class Carrier(Protocol):
    """One stream, for one reader and one writer, on the loop of the link's thread."""

    async def read(self) -> pb.GatewayFrame | None:
        """The next frame, None when the gateway has ended the stream.

        Raises ConnectFailed when it broke off.
        """

    async def write(self, *frames: bytes) -> None:
        """Write encoded frames; returns when more may follow.

        That the stream broke off is said by `read`.
        """

    @property
    def write_now(self) -> Callable[[pb.WorkerFrame], object] | None:
        """Writes a frame without waiting; None while that cannot be.

        None always where a frame costs so much that there should be few of them, and full.
        """

    async def done_writing(self) -> None:
        """Half-close: no frame follows. The gateway ends the stream then."""

    async def close(self) -> None:
        """Break off what is left."""


class Receiver(Protocol):
    """Who has the stream, on the application's loop."""

    def arrived(self, frame: pb.GatewayFrame) -> None:
        """The gateway has said this."""

    def broken(self, error: Exception | None) -> None:
        """It will say nothing more: it has ended the stream, or there is this error."""


class Line(Protocol):
    """A stream on the application's loop, which goes on living while that is blocked.

    The methods are those of `Carrier`, of the same names.
    """

    pulse: Pulse

    def open(self, receiver: Receiver) -> None:
        """Hand over what comes, from the next turn of the loop on."""

    async def write(self, *frames: bytes) -> None: ...

    @property
    def write_now(self) -> Callable[[pb.WorkerFrame], object] | None: ...

    async def done_writing(self) -> None: ...

    async def close(self) -> None: ...
