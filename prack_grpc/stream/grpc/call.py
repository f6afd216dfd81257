"""One call of gRPC: messages each way over one stream of HTTP/2, and a status at the end.

The wire is that of gRPC's "PROTOCOL-HTTP2": five bytes before each message, the status in trailers.
"""

import asyncio
import struct
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from prack_grpc.private.certificate import Certificate
from prack_wire.frames import FrameTooLong

PREFIX = struct.Struct(">BI")  # whether it is compressed, and the length
# Bytes; a hundred calls owe less than the window of their connection.
MOST_OWED = 4 * 1024
SMALL = 4 * 1024  # bytes of a message, unless a method takes larger ones
REQUEST_SECONDS = 10.0  # for a message that is all of a call
Fields = list[tuple[bytes, bytes]]
Pairs = Sequence[tuple[bytes, bytes]]
# Those of statuses that are used here, by name.
CODES = {
    "OK": 0,
    "CANCELLED": 1,
    "INVALID_ARGUMENT": 3,
    "DEADLINE_EXCEEDED": 4,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "UNIMPLEMENTED": 12,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
HEAD: Fields = [
    (b":status", b"200"),
    (b"content-type", b"application/grpc"),
    (b"grpc-accept-encoding", b"identity"),
]


class Status(Exception):
    """How a call ends: the `name` is one of CODES."""

    def __init__(self, name: str, message: str = "") -> None:
        super().__init__(message)
        self.name = name
        self.message = message

    def trailers(self) -> Fields:
        """As it is sent."""
        fields = [(b"grpc-status", b"%d" % CODES[self.name])]
        if self.message:
            printable = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
            fields.append((b"grpc-message", quote(self.message, safe=printable).encode()))
        return fields


class Wire(Protocol):
    """What a call needs of its connection. All of it is for the stream of that number."""

    peer: str
    certificate: Certificate | None

    async def send(self, number: int, data: bytes) -> bool:
        """Write; returns when more may follow, or False: the call or the connection is gone."""

    def head(self, number: int, fields: Fields, last: bool) -> None:
        """Write header fields, or trailers."""

    def take(self, number: int, size: int) -> None:
        """So many bytes that came are no longer kept: the peer may send as many."""


class Call:
    """One that a peer has made: the `path` is that of its method.

    `most` is how many bytes a message may have.
    """

    def __init__(self, wire: Wire, number: int, fields: Pairs) -> None:
        self.fields = fields
        self.path = self.values(b":path")[0].decode("latin-1")
        self.peer = wire.peer
        self.certificate = wire.certificate
        self.most = SMALL
        self._wire = wire
        self._number = number
        self._data = bytearray()
        self._owed = 0
        self._kept = 0  # bytes that came, of which the peer was not told that they are read
        self._wrong: Exception | None = None  # nothing behind it can be read
        self._ended = self._begun = False
        self._news: asyncio.Future[None] | None = None

    def values(self, name: bytes) -> list[bytes]:
        """Of all header fields with this name."""
        return [value for one, value in self.fields if one == name]

    async def receive(self) -> bytes | None:
        """The next message, None when the peer has sent its last. Raises FrameTooLong, Status."""
        while (message := self._whole()) is None:
            if self._wrong is not None:
                raise self._wrong
            if self._ended:
                return None
            self._release(0)  # `most` may have become more
            self._news = asyncio.get_running_loop().create_future()
            await self._news
            self._news = None
        self._release(PREFIX.size + len(message))
        return message

    async def request(self) -> bytes:
        """The first message, which comes soon; empty without one. Raises as `receive`."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                return await self.receive() or b""
        except TimeoutError:
            text = f"no message within {REQUEST_SECONDS:.0f} s"
            raise Status("DEADLINE_EXCEEDED", text) from None

    async def write(self, message: bytes) -> bool:
        """Write one message; returns when more may follow, or False: none ever will."""
        self.begin()
        return await self._wire.send(self._number, PREFIX.pack(0, len(message)) + message)

    def begin(self) -> None:
        """Say that it is served."""
        if not self._begun:
            self._begun = True
            self._wire.head(self._number, HEAD, last=False)

    def end(self, status: Status) -> None:
        """The last that is written."""
        self._wire.head(self._number, [*([] if self._begun else HEAD), *status.trailers()], True)

    # ------------------------------------------------------------ what comes

    def feed(self, data: bytes, size: int) -> None:
        """Bytes of messages came; they took `size` of what the peer may send."""
        self._kept += size
        if self._wrong is None:
            self._data += data
            self._release(0)
            self._rouse()

    def _release(self, size: int) -> None:
        """So many bytes were read, and all of what is only a part of a message: without them its
        rest would be kept away.
        """
        wrong, end = self._next()
        if not (self._wrong or wrong or end):
            size = self._kept
        size = min(size, self._kept)
        self._kept -= size
        self._give(size)

    def _next(self) -> tuple[Exception | None, int]:
        """What is wrong with the next message, or where it ends if it has come as a whole."""
        if len(self._data) < PREFIX.size:
            return None, 0
        compressed, length = PREFIX.unpack_from(self._data)
        if compressed:
            return Status("UNIMPLEMENTED", "send messages without compression"), 0
        if length > self.most:
            return FrameTooLong(f"a frame of {length} bytes; the limit is {self.most}"), 0
        end = PREFIX.size + length
        return None, end if len(self._data) >= end else 0

    def _whole(self) -> bytes | None:
        """The next message, if it has come as a whole."""
        wrong, end = self._next()
        self._wrong = self._wrong or wrong
        if not end:
            return None
        with memoryview(self._data) as view:
            message = bytes(view[PREFIX.size : end])
        del self._data[:end]
        return message

    def drop(self) -> None:
        """Nobody reads what has come."""
        self._data.clear()
        self._wire.take(self._number, self._owed + self._kept)

    def _give(self, size: int) -> None:
        """So many bytes are no longer kept. Of few the peer is not told at once."""
        self._owed += size
        if self._owed >= MOST_OWED:
            self._wire.take(self._number, self._owed)
            self._owed = 0

    def close(self) -> None:
        """The peer sends no more."""
        self._ended = True
        self._rouse()

    def _rouse(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)
