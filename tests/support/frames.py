"""A WebSocket client of raw frames, right or wrong (RFC 6455 section 5.2)."""

import asyncio
import struct
import zlib
from dataclasses import dataclass

from tests.support.client import SECONDS, Cut, RawClient, Response

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
FIN, RSV1, RSV2 = 0x80, 0x40, 0x20
MASK = b"\x37\xfa\x21\x3d"
# The handshake of RFC 6455 section 1.3.
HANDSHAKE = (
    b"Upgrade: websocket",
    b"Connection: Upgrade",
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"


@dataclass
class Frame:
    """One frame from the server; `bits` are FIN and the reserved ones."""

    bits: int
    opcode: int
    data: bytes


def frame(opcode: int, data: bytes = b"", bits: int = FIN, mask: bytes | None = MASK) -> bytes:
    """A client's frame; `mask` is None for one that wrongly has none."""
    masked = 0x80 if mask else 0
    if len(data) < 126:
        head = struct.pack("!BB", bits | opcode, masked | len(data))
    elif len(data) < 1 << 16:
        head = struct.pack("!BBH", bits | opcode, masked | 126, len(data))
    else:
        head = struct.pack("!BBQ", bits | opcode, masked | 127, len(data))
    return head + (mask + masking(data, mask) if mask else data)


def masking(data: bytes, mask: bytes) -> bytes:
    """Mask, or unmask (RFC 6455 section 5.3)."""
    keys = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(keys)).to_bytes(len(data))


def packed(data: bytes, packer: "zlib._Compress | None" = None) -> bytes:
    """Compressed (RFC 7692 section 7.2.1), by `packer` when messages share what they know."""
    packer = packer or zlib.compressobj(wbits=-12)
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")


def close(code: int, reason: bytes = b"") -> bytes:
    """A client's close frame."""
    return frame(CLOSE, struct.pack("!H", code) + reason)


async def open_socket(
    client: RawClient, target: bytes = b"/", *fields: bytes, then: bytes = b""
) -> Response:
    """Shake hands; `then` goes out with the request. Returns the response, of whatever status."""
    lines = [b"GET %b HTTP/1.1" % target, b"Host: test", *HANDSHAKE, *fields, b"", b""]
    await client.send(b"\r\n".join(lines) + then)
    return await client.response()


async def receive(client: RawClient) -> Frame:
    """The server's next frame. Raises Cut when there is none."""
    async with asyncio.timeout(SECONDS):
        try:
            first, size = await client.reader.readexactly(2)
            if size >= 126:
                size = int.from_bytes(await client.reader.readexactly(2 if size == 126 else 8))
            return Frame(first & 0xF0, first & 0x0F, await client.reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Cut from error
