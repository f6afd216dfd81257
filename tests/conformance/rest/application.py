"""The application of docs/conformance.md, written against the small workers of REST."""

import time
from collections.abc import Iterator

from prack_grpc.conformance.app import BIG, PAUSE_SECONDS, PLAIN, SPECIAL, Fields
from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    MAX_EVENT,
    OPEN,
    TEXT,
    Decoder,
    close_data,
    encode,
)
from tests.conformance.rest.worker import Request, Response

EVENTS: Fields = [(b"content-type", b"application/websocket-events")]


def serve(request: Request) -> Response:
    """Answer one request."""
    path = request.target.partition("?")[0]
    if request.events:
        return websocket(request, path)
    _, name, *rest = path.split("/", 2)
    if name == "slow":
        time.sleep(int(rest[0]) / 1000)
    if name == "fail":
        raise RuntimeError
    known = {
        "hello": (200, b"Hello\n"),
        "early": (403, b"not wanted\n"),
        "slow": (200, b"slow\n"),
        "big": (200, bytes(BIG)),
        "echo": (200, request.body),
        "sink": (200, b"%d\n" % len(request.body)),
        "request": (200, told(request)),
    }
    if name == "headers":
        return Response(200, SPECIAL, [b"headers\n"])
    if name == "status":
        return Response(int(rest[0]), [], [])
    if name in ("stream", "fail-late"):
        return Response(200, PLAIN, pieces(name))
    status, body = known.get(name, (404, b"no such route\n"))
    return Response(status, PLAIN, [body])


def told(request: Request) -> bytes:
    """The request as it came."""
    lines = [f"{request.method} {request.target}".encode("latin-1")]
    lines += [b"%b: %b" % pair for pair in request.fields]
    return b"\n".join([*lines, b""])


def pieces(name: str) -> Iterator[bytes]:
    """With pauses; or broken off."""
    for piece in (b"one\n", b"two\n"):
        yield piece
        time.sleep(PAUSE_SECONDS)
    if name == "fail-late":
        raise RuntimeError
    yield b"three\n"


def websocket(request: Request, path: str) -> Response:
    """Answer one batch."""
    if path != "/ws":
        return Response(403, PLAIN, [])
    events = []
    for name, data in Decoder(MAX_EVENT).feed(request.body):
        if (name, data) == (TEXT, b"bye"):
            events.append(encode(CLOSE, close_data(4000, "done")))
        elif name == OPEN:
            events.append(encode(OPEN))
        elif name in (TEXT, BINARY):
            events.append(encode(name, data))
    return Response(200, EVENTS, events)
