"""What dials the worker ports and means harm, or is broken."""

import socket
import time
from contextlib import suppress

from attack.wire import STREAM, Target, dial, flood, many, upgraded
from prack.v1 import worker_pb2 as pb

CROWD = 1000
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
