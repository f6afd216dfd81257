"""Frames that the public suite does not send: masks, lengths, lost ends, compression, limits.

Sections are RFC 6455's, or RFC 7692's where it says so.
"""

import zlib
from dataclasses import dataclass

from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    PING,
    RSV1,
    TEXT,
    close,
    frame,
)

MIB = 1 << 20
BYE = "CLOSE 1000"
ECHO = "TEXT 'Hello' compressed"
LIMIT = "uvicorn takes 16 MiB, Prack what `--websocket-message` says"
LOST = "ASGI has 1006 for a connection that broke; uvicorn says that no code was given"


@dataclass(frozen=True)
class Row:
    """After the handshake the client `sends`, and the server `answers`.

    Before an answer of BYE the client says goodbye, when it has all others.

    Attributes:
        told: the close code that the application gets.
        compressed: whether compression is agreed on.
        leaves: whether the client ends its half of the connection after what it sends.
        direct: what uvicorn answers and tells where that is something else, and why.
    """

    name: str
    section: str
    sends: bytes
    answers: tuple[str, ...]
    told: int = 1000
    compressed: bool = False
    leaves: bool = False
    direct: tuple[tuple[str, ...], int, str] | None = None


def refused(name: str, section: str, sends: bytes, code: int, compressed: bool = False) -> Row:
    """The server ends it with this code, and the application is told the same."""
    return Row(name, section, sends, (f"CLOSE {code}",), code, compressed)


def lost(name: str, sends: bytes) -> Row:
    """The connection ends without a close."""
    return Row(name, "7.1.5", sends, (), 1006, leaves=True, direct=((), 1005, LOST))


def deflated(name: str, section: str, sends: bytes, answers: tuple[str, ...] = (ECHO, BYE)) -> Row:
    """Compression is agreed on."""
    return Row(name, section, sends, answers, compressed=True)


def too_large(name: str, sends: bytes, compressed: bool = False) -> Row:
    """One byte more than a MiB."""
    echo = f"BINARY {MIB + 1} bytes" + compressed * " compressed"
    direct = ((echo, BYE), 1000, LIMIT)
    return Row(name, "10.4", sends, ("CLOSE 1009",), 1009, compressed, direct=direct)


def deflate(data: bytes, level: int = 9) -> bytes:
    """The data of one compressed message (RFC 7692 section 7.2.1)."""
    encoder = zlib.compressobj(level, wbits=-15)
    return (encoder.compress(data) + encoder.flush(zlib.Z_SYNC_FLUSH))[:-4]


def fragments(data: bytes, size: int) -> bytes:
    """A binary message in frames of this size, none of which is the last."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    opcodes = [BINARY] + [CONTINUATION] * (len(pieces) - 1)
    return b"".join(frame(*parts, bits=0) for parts in zip(opcodes, pieces, strict=True))


HELLO = deflate(b"Hello")
# The section's example: the second message is nothing but a reference to the first.
AGAIN = b"\xf2\x00\x11\x00\x00"
ROWS = (
    refused("no mask", "5.1", frame(TEXT, b"a", mask=None), 1002),
    refused("a ping without a mask", "5.1", frame(PING, mask=None), 1002),
    Row("a mask of zeros", "5.3", frame(TEXT, b"a", mask=bytes(4)), ("TEXT 'a'", BYE)),
    refused("a length of 64 bits", "5.2", b"\x82\xff" + b"\xff" * 8 + bytes(4), 1009),
    refused("a terabyte", "5.2", b"\x82\xff" + (1 << 40).to_bytes(8) + bytes(4), 1009),
    Row(
        "a length in more bytes than needed",
        "5.2",
        b"\x81\xfe\x00\x01" + bytes(4) + b"a",
        ("TEXT 'a'", BYE),
    ),
    Row(
        "nine hundred empty fragments",
        "5.4",
        frame(TEXT, b"a", bits=0) + frame(CONTINUATION, bits=0) * 898 + frame(0),
        ("TEXT 'a'", BYE),
    ),
    Row(
        "a hundred pings at once",
        "5.5.2",
        frame(PING, b"a") * 100,
        (*("PONG b'a'",) * 100, BYE),
    ),
    Row("a close without a code", "7.1.5", frame(CLOSE), ("CLOSE",), 1005),
    Row("a ping after the close", "5.5.1", close(1000) + frame(PING), (BYE,)),
    lost("nothing at all", b""),
    lost("half of a frame", frame(TEXT, b"abc")[:-1]),
    lost("half of a message", frame(TEXT, b"abc", bits=0)),
    # Compression.
    deflated("compressed", "RFC 7692 7.2.3.1", frame(TEXT, HELLO, FIN | RSV1)),
    deflated(
        "compressed, in fragments with a ping between them",
        "RFC 7692 7.2.3.1",
        frame(TEXT, HELLO[:3], RSV1) + frame(PING) + frame(CONTINUATION, HELLO[3:]),
        ("PONG b''", ECHO, BYE),
    ),
    deflated(
        "compressed with the window of the message before",
        "RFC 7692 7.2.3.2",
        frame(TEXT, HELLO, FIN | RSV1) + frame(TEXT, AGAIN, FIN | RSV1),
        (ECHO, ECHO, BYE),
    ),
    deflated("stored", "RFC 7692 7.2.3.3", frame(TEXT, deflate(b"Hello", 0), FIN | RSV1)),
    deflated("not compressed, though it is agreed on", "RFC 7692 6", frame(TEXT, b"Hello")),
    refused("compressed, though it is not agreed on", "5.2", frame(TEXT, HELLO, FIN | RSV1), 1002),
    refused("a compressed ping", "RFC 7692 6", frame(PING, HELLO, FIN | RSV1), 1002, True),
    refused(
        "a later fragment that is marked",
        "RFC 7692 6.1",
        frame(TEXT, HELLO[:3], RSV1) + frame(CONTINUATION, HELLO[3:], FIN | RSV1),
        1002,
        True,
    ),
    refused("noise", "RFC 7692 6.2", frame(TEXT, b"\xff" * 9, FIN | RSV1), 1002, True),
    refused("compressed bad UTF-8", "8.1", frame(TEXT, deflate(b"\xff"), FIN | RSV1), 1007, True),
    # Limits.
    Row("a MiB", "10.4", frame(BINARY, bytes(MIB)), (f"BINARY {MIB} bytes", BYE)),
    too_large("a byte more", frame(BINARY, bytes(MIB + 1))),
    too_large("a byte more, in fragments", fragments(bytes(MIB), 1000) + frame(0, b"\0")),
    too_large("a byte more, inflated", frame(BINARY, deflate(bytes(MIB + 1)), FIN | RSV1), True),
)
