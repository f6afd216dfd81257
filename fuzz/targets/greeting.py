"""What comes to a port with TLS, from the first byte on; or behind a handshake, as records.

The first byte is the size of the pieces, the second is odd for what comes behind a handshake.
"""

import ssl

from fuzz.clock import Found, run
from fuzz.gateway import Gateway
from fuzz.responses import Reader
from fuzz.shown import issued
from fuzz.wire import Wire, pieces
from fuzz.witness import watching

RECORDS = range(20, 24)  # alerts, handshakes and the like (RFC 8446 section 5.1)
HEADER, LONGEST = 5, (1 << 14) + 256


def one(data: bytes) -> None:
    """See the module."""
    size, behind = (data + b"\0\0")[:2]
    with watching():
        run(_talk(data[2:], size, bool(behind & 1)))


async def _talk(data: bytes, size: int, behind: bool) -> None:
    gateway, wire = Gateway(), Wire()
    await wire.meet(gateway.greeted)
    if behind:
        await _shake(wire)
    await wire.say(pieces(data, size))
    await wire.wait()
    await wire.leave()
    if not wire.ended:
        raise Found("a connection that never ends")
    if gateway.admission.connections:
        raise Found("a place that is kept when its client has gone")
    if wire.received.startswith(b"HTTP/"):
        if [one.status for one in Reader(wire.received, wire.ended).all()] != [400]:
            raise Found(f"not a refusal: {wire.received!r}")
    else:
        _check(wire.received)


async def _shake(wire: Wire) -> None:
    authority, _ = issued()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(incoming, outgoing, server_hostname="localhost")
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            await wire.say([outgoing.read()])
            incoming.write(wire.received)
            wire.received = b""
    await wire.say([outgoing.read()])


def _check(data: bytes) -> None:
    """Raises Found for what is not TLS."""
    while data:
        size = int.from_bytes(data[3:HEADER])
        if data[0] not in RECORDS or data[1] != 3 or not 0 < size <= LONGEST:
            raise Found(f"not a record: {data[:20]!r}")
        if len(data) < HEADER + size:
            raise Found(f"a record that was cut: {data[:20]!r}")
        data = data[HEADER + size :]
