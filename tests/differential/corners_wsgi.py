"""The WSGI twin of `corners`."""

import http
import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from threading import Semaphore
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from tests.differential.corners import ANSWERS, MIB, PACED, Field, digest

Write = Callable[[bytes], object]
PHRASES = {int(status): status.phrase for status in http.HTTPStatus}


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the page that the path begins with."""
    page = environ["PATH_INFO"].strip("/").split("/")[0]
    if page in ANSWERS:
        status, fields, pieces = ANSWERS[page]
        start(start_response, status, fields)
        return pieces
    return PAGES[page](environ, start_response)


def start(start_response: StartResponse, status: int, fields: list[Field]) -> Write:
    """The head."""
    decoded = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in fields]
    return start_response(f"{status} {PHRASES.get(status, 'Strange')}", decoded)


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What the application saw."""
    body = environ["wsgi.input"].read()
    seen = {key: value for key, value in environ.items() if isinstance(value, (str, int, tuple))}
    answer = json.dumps(seen | digest(body)).encode()
    size = b"%d" % len(answer)
    fields = [(b"content-type", b"application/json"), (b"content-length", size)]
    start(start_response, 200, fields)
    return [answer]


def read(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the body, then says as much."""
    size = len(environ["wsgi.input"].read())
    start(start_response, 200, [(b"content-length", b"%d" % size)])
    return [b"x" * size]


def lines(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Reads the body line by line, and answers with another order."""
    found = list(environ["wsgi.input"])
    start(start_response, 200, [])
    yield from reversed(found)


def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Uses the function that `start_response` returns."""
    write = start(start_response, 200, [])
    write(b"hello, ")
    write(b"again")
    return []


def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A body of no pieces."""
    start(start_response, 200, [])
    return []


def replaced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """A second head, for the first did not leave."""
    start(start_response, 200, [(b"x-first", b"1")])
    try:
        raise LookupError
    except LookupError:
        start_response("404 Not Found", [("content-length", "4")], sys.exc_info())
    return [b"gone"]


def crash(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Fails before the head."""
    raise RuntimeError("before the head")


def crash_after(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Fails in the middle of the body."""
    start(start_response, 200, [(b"content-length", b"10")])
    yield b"hello"
    raise RuntimeError("after the head")


def crash_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Fails when a part of the body has long left."""
    start(start_response, 200, [(b"content-length", b"%d" % (8 * MIB))])
    for _ in range(48):
        yield bytes(MIB // 8)
    raise RuntimeError("in the body")


def silent(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Returns without a head."""
    return []


def mirror(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Begins to answer, then sends back the body as it comes, five bytes at a time."""
    start(start_response, 200, [])
    while piece := environ["wsgi.input"].read(5):
        yield piece


acks: defaultdict[str, Semaphore] = defaultdict(lambda: Semaphore(0))


def paced(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    """Waits after each piece until the client says at `/ack/<name>` that it is there."""
    _, _, name, content_type = environ["PATH_INFO"].split("/", 3)
    start(start_response, 200, [(b"content-type", content_type.encode())])
    for piece in PACED:
        yield piece
        acks[name].acquire()


def ack(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Lets the paced response of this name go on."""
    acks[environ["PATH_INFO"].split("/", 2)[2]].release()
    start(start_response, *ANSWERS["no-content"][:2])
    return []


PAGES: dict[str, WSGIApplication] = {
    "": echo,
    "echo": echo,
    "read": read,
    "lines": lines,
    "written": written,
    "nothing": nothing,
    "replaced": replaced,
    "crash": crash,
    "crash-after": crash_after,
    "crash-late": crash_late,
    "silent": silent,
    "mirror": mirror,
    "paced": paced,
    "ack": ack,
}
