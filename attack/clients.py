"""Clients that mean harm."""

import socket
import time
from contextlib import ExitStack, suppress

from attack.wire import HANDSHAKE, OTHER, Target, dial, flood, many, pump, trickle, upgraded
from tests.support.bad_requests import BAD_CHUNKS, REFUSED, chunk
from tests.support.frames import DEFLATE, FIN, RSV1, frame, packed
from tests.support.frames import TEXT as OPCODE

ASTERISK = b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nhost: localhost\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
UPLOAD = POST + b"content-length: 1000000\r\n\r\n"
EXPECT = POST + b"content-length: 1000\r\nexpect: 100-continue\r\n\r\n"
MASK = b"\x37\xfa\x21\x3d"
# Heads of frames: a text of one byte, an empty fragment of one, an empty one more, a full ping.
TEXT, FRAGMENT, MORE, PING = b"\x81\x81", b"\x01\x80", b"\x00\x80", b"\x89\xfd"
DEFLATING = HANDSHAKE.removesuffix(b"\r\n") + DEFLATE + b"\r\n\r\n"
UMLAUTS = 512 * 1024  # as many as a message may have
AT_ONCE = 256 * 1024
CROWD = 500
BAD = [data for _, data, _ in REFUSED] + [chunk(data) for _, data in BAD_CHUNKS]
# As many as the worker has slots.
SLOTS = 64


def pipelining(target: Target) -> None:
    """Requests without end, whose answers nobody reads."""
    flood(lambda: dial(target.public), GET * (AT_ONCE // len(GET)))


def unfinished_heads(target: Target) -> None:
    """Connections that begin a request, and leave."""
    while True:
        with many(CROWD, target.public, GET[:10]):
            time.sleep(0.1)


def empty_lines(target: Target) -> None:
    """Lines with nothing in them, and no request."""
    flood(lambda: dial(target.public), b"\r\n" * (AT_ONCE // 2))


def dribbled_heads(target: Target) -> None:
    """Heads that come byte by byte, and have no end."""
    with many(CROWD, target.public, GET[:-2] + b"x: ") as socks:
        trickle(socks, b"a", 0.05)


def bad_requests(target: Target) -> None:
    """All that is refused, one after the other, again and again."""
    while True:
        for data in BAD:
            with suppress(OSError), dial(target.public, data) as sock:
                sock.recv(1)


def departures(target: Target) -> None:
    """Requests that wait behind another, of somebody who leaves."""
    while True:
        with many(20, target.public, GET * 100):
            time.sleep(0.1)


def tiny_frames(target: Target) -> None:
    """WebSocket messages of one byte."""
    frame = TEXT + MASK + b"a"
    flood(lambda: upgraded(target.public, HANDSHAKE), frame * (AT_ONCE // len(frame)))


def empty_fragments(target: Target) -> None:
    """A message of fragments that hold nothing, and no end."""
    frame = MORE + MASK
    flood(lambda: _begun(target), frame * (AT_ONCE // len(frame)))


def _begun(target: Target) -> socket.socket:
    sock = upgraded(target.public, HANDSHAKE)
    sock.sendall(FRAGMENT + MASK)
    return sock


def crowd(target: Target) -> None:
    """The same of many connections, each with little at a time."""
    with ExitStack() as stack:
        socks = [stack.enter_context(_begun(target)) for _ in range(SLOTS)]
        trickle(socks, (MORE + MASK) * 100, 0.1)


def crowd_asks(target: Target) -> None:
    """300 that ask, as fast as they are read, what the gateway answers by itself."""
    pump(target.public, ASTERISK)


def packed_messages(target: Target) -> None:
    """WebSocket messages that are a thousand times as large as what is sent."""
    message = frame(OPCODE, packed("ä".encode() * UMLAUTS), FIN | RSV1)
    flood(lambda: upgraded(target.public, DEFLATING), message * (AT_ONCE // len(message)))


def pings(target: Target) -> None:
    """Pings whose pongs nobody reads."""
    frame = PING + MASK + bytes(125)
    flood(lambda: upgraded(target.public, HANDSHAKE), frame * (AT_ONCE // len(frame)))


def tiny_chunks(target: Target) -> None:
    """An upload in chunks of one byte."""
    chunk = b"1\r\na\r\n"
    flood(lambda: dial(target.public, CHUNKED), chunk * (AT_ONCE // len(chunk)))


def slow_uploads(target: Target) -> None:
    """Uploads as slow as they may be, one for each slot."""
    with many(SLOTS, target.public, UPLOAD) as socks:
        trickle(socks, bytes(1200), 1.0)


def slow_readers(target: Target) -> None:
    """Large responses that nobody reads, one for each slot."""
    with many(SLOTS, target.public, GET.replace(b"/", b"/large", 1), window=4096):
        time.sleep(3600)


def idle_websockets(target: Target) -> None:
    """Open WebSockets with nothing to say, one for each slot."""
    with many(SLOTS, target.public, HANDSHAKE):
        time.sleep(3600)


def hogs(target: Target) -> None:
    """Requests that take their time, of one address, many more than there are slots."""
    slow = GET.replace(b"/", b"/slow", 1) * 100
    with many(300, target.public, slow, address=OTHER):
        time.sleep(3600)


def silent_expect(target: Target) -> None:
    """Uploads that wait to be asked for, and then say nothing."""
    with many(300, target.public, EXPECT):
        time.sleep(3600)
