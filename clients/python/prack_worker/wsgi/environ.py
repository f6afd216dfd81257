"""The WSGI environment of a request (PEP 3333, "environ Variables")."""

from __future__ import annotations

import asyncio
import io
import sys
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_to_bytes

from prack_worker.exchange import Exchange
from prack_worker.request import Request, below

BASE: dict[str, Any] = {
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "wsgi.input_terminated": True,
}
READ_AHEAD = 64 * 1024  # a declared body up to this size is read before it is queued
OWN_NAMES = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def build_environ(
    exchange: Exchange, loop: asyncio.AbstractEventLoop, root_path: str = ""
) -> dict[str, Any]:
    """The environment of one request; reading `wsgi.input` may block, so not on the event loop.

    Beyond PEP 3333: `prack.request_id`, `prack.attempt` (1 for the first hand-out) and
    `prack.raw_target` (path and query as the client sent them). `wsgi.input` ends where the
    body ends; PATH_INFO is what comes after the root path, if that is there; CONTENT_LENGTH is what
    the client declared, and missing for a body in chunks.
    """
    request = exchange.request
    target, query = request.split_target()
    path = unquote_to_bytes(target)
    if root_path and below(path, root_path.encode()):
        path = path[len(root_path) :]
    # PEP 3333: SERVER_NAME and SERVER_PORT are never empty.
    host, port = request.server() or ("localhost", 80)
    environ = {
        **BASE,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": root_path,
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{request.http_version}",
        "REMOTE_ADDR": request.client[0] if request.client else "",
        "REMOTE_PORT": str(request.client[1]) if request.client else "",
        "wsgi.url_scheme": request.scheme,
        "wsgi.errors": sys.stderr,
        "prack.request_id": request.request_id,
        "prack.attempt": request.attempt,
        "prack.raw_target": request.target.decode("latin-1"),
    }
    _add_fields(environ, request)
    environ["wsgi.input"] = _input(exchange, loop, declared="CONTENT_LENGTH" in environ)
    return environ


def _input(exchange: Exchange, loop: asyncio.AbstractEventLoop, *, declared: bool) -> io.IOBase:
    """In memory what every gateway and transport brings whole, however its packets were cut."""
    body = exchange.body.complete()
    if body is not None and (not body or (declared and len(body) <= READ_AHEAD)):
        return io.BytesIO(body)
    return io.BufferedReader(BodyFile(exchange, loop), 64 * 1024)


def _add_fields(environ: dict[str, Any], request: Request) -> None:
    for name, value in request.headers:
        key = _key(name)
        text = value.decode("latin-1")
        if not key:
            continue
        if key in environ:
            text = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + text
        environ[key] = text


@lru_cache(maxsize=1024)
def _key(name: bytes) -> str:
    """The variable of a field; none for `Proxy` (httpoxy), nor for `a_b`, which `a-b` becomes."""
    if b"_" in name or name == b"proxy":
        return ""
    return OWN_NAMES.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")


class BodyFile(io.RawIOBase):
    """A request body as a file for a thread; its reads wait for the client's bytes.

    Reads raise `ClientDisconnected` (an OSError) once nobody waits for the response any more.
    """

    def __init__(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        self._exchange = exchange
        self._loop = loop
        self._chunk = b""
        self._end = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # Any: typeshed's Buffer has no slices
        while not self._chunk and not self._end:
            # Without a name: this frame would hold the future that holds an error with this frame.
            self._chunk, self._end = asyncio.run_coroutine_threadsafe(
                self._exchange.receive_body(), self._loop
            ).result()
        size = min(len(buffer), len(self._chunk))
        buffer[:size] = self._chunk[:size]
        self._chunk = self._chunk[size:]
        return size
