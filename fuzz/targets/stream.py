"""What a worker sends on its stream: frames, each behind two bytes of length.

The first byte is odd if the first frame is not a valid hello but one of these. Three clients wait,
and each must get one response, or see that it was cut.
"""

from bench.guarded import framed
from bench.no_socket import NoSocket
from fuzz.clock import Found, quiet, run
from fuzz.gateway import FIRST_FRAME, Gateway
from fuzz.responses import Reader
from fuzz.wire import Wire
from fuzz.witness import watching
from prack.v1 import worker_pb2 as pb
from prack_wire.frames import LENGTH, Deframer

REQUESTS = (
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello",
    b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n",
)


def one(data: bytes) -> None:
    """See the module."""
    with watching():
        run(_talk(list(_messages(data[1:])), greets=not data[:1] or not data[0] & 1))


def _messages(data: bytes) -> list[bytes]:
    found = []
    while data:
        size, data = int.from_bytes(data[:2]), data[2:]
        found.append(data[:size])
        data = data[size:]
    return found


async def _talk(messages: list[bytes], greets: bool) -> None:
    gateway = Gateway()
    wires = [Wire() for _ in REQUESTS]
    carrier = gateway.streams.carrier()
    assert carrier is not None
    frames = Deframer()
    NoSocket(carrier, frames.feed)
    if greets:
        carrier.data_received(framed(FIRST_FRAME))
    for wire, request in zip(wires, REQUESTS, strict=True):
        await wire.connect(gateway.client)
        await wire.say([request])
    for message in messages:
        carrier.data_received(LENGTH.pack(len(message)) + message)
        await quiet()
    for wire, request in zip(wires, REQUESTS, strict=True):
        await wire.wait()
        await wire.leave()
        _check(request, wire)
    while (sent := frames.next()) is not None:
        pb.GatewayFrame.FromString(sent)
    if gateway.broker.tickets:
        raise Found("a request that stays when its client has gone")


def _check(request: bytes, wire: Wire) -> None:
    reader = Reader(wire.received, wire.ended, request.startswith(b"HEAD"))
    statuses = [response.status for response in reader.all()]
    final = [status for status in statuses if status >= 200]
    if len(final) != 1 and not (wire.ended and not wire.received):
        raise Found(f"not one response: {wire.received!r}")
    if 101 in statuses or b'"code": "internal"' in wire.received:
        raise Found(f"not what a client may get: {wire.received!r}")
