"""What a client sends on an open WebSocket, whose worker says the same back.

The first byte is the size of the pieces, the second is odd for one that may be compressed.
"""

from fuzz.clock import Found, quiet, run
from fuzz.gateway import Gateway, Worker
from fuzz.responses import Reader
from fuzz.wire import Wire, pieces
from fuzz.witness import watching

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
DEFLATE = b"sec-websocket-extensions: permessage-deflate\r\n"
FIN, COMPRESSED, RESERVED, CONTROL, MASKED = 0x80, 0x40, 0x30, 0x08, 0x80
OPCODES = (0, 1, 2, 8, 9, 10)
LENGTHS = {126: 2, 127: 8}
MOST_CONTROL = 125


def one(data: bytes) -> None:
    """See the module."""
    size, deflate = (data + b"\0\0")[:2]
    with watching():
        run(_talk(data[2:], size, bool(deflate & 1)))


async def _talk(data: bytes, size: int, deflate: bool) -> None:
    gateway, wire = Gateway(), Wire()
    Worker(gateway.streams)
    await quiet()
    await wire.connect(gateway.client)
    await wire.say([HANDSHAKE % (DEFLATE if deflate else b"")])
    await wire.say(pieces(data, size))
    await wire.wait()
    await wire.leave()
    reader = Reader(wire.received, wire.ended)
    if [response.status for response in reader.all()] != [101]:
        raise Found(f"no WebSocket: {wire.received!r}")
    _check(reader.rest, deflate)
    if gateway.broker.tickets:
        raise Found("a WebSocket that stays when its client has gone")


def _check(data: bytes, deflate: bool) -> None:
    """Raises Found for what no server may send (RFC 6455 section 5.2)."""
    while len(data) >= 2:
        head, opcode, length = data[0], data[0] & 0x0F, data[1] & 0x7F
        if head & RESERVED or (head & COMPRESSED and not deflate) or opcode not in OPCODES:
            raise Found(f"not a frame: {data[:20]!r}")
        if data[1] & MASKED:
            raise Found(f"a masked frame: {data[:20]!r}")
        if opcode & CONTROL and (length > MOST_CONTROL or not head & FIN):
            raise Found(f"not a control frame: {data[:20]!r}")
        more = LENGTHS.get(length, 0)
        size = int.from_bytes(data[2 : 2 + more]) if more else length
        data = data[2 + more + size :]
