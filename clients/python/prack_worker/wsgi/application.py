"""Runs a WSGI application in threads (PEP 3333)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sized
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from contextvars import copy_context
from functools import partial
from types import TracebackType
from typing import Any

from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import AbortCode, Exchange, send_error
from prack_worker.loops.mailbox import Mailbox
from prack_worker.wsgi.environ import build_environ
from prack_worker.wsgi.pipe import Pipe
from prack_worker.wsgi.threads import ThreadPool
from prack_worker.wsgi.whole import read_whole

log = logging.getLogger("prack_worker")

Write = Callable[[bytes], None]
WsgiApp = Callable[[dict[str, Any], Callable[..., Write]], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]


class WsgiApplication:
    """Answers exchanges with a WSGI application, each in a thread. Create it on the event loop.

    A thread cannot be interrupted: a cancelled exchange keeps its slot until the application
    returns, or writes and hears of it.

    Args:
        app: the application.
        threads: how many run at a time.
        whole: bodies in chunks are read before the application is called, to tell their length.
    """

    interruptible = False

    def __init__(
        self, app: WsgiApp, *, threads: int, whole: bool = False, root_path: str = ""
    ) -> None:
        self._app = app
        self._whole = whole
        self._root_path = root_path
        self._loop = asyncio.get_running_loop()
        self._mailbox = Mailbox(self._loop)
        self._pool = ThreadPool(threads)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lets the threads end when the worker stops."""
        yield
        self._pool.close()

    async def handle(self, exchange: Exchange) -> None:
        """Call the application in a thread, and send what it answers."""
        response = Response(Pipe(exchange, self._mailbox), exchange.request.request_id)
        environ = build_environ(exchange, self._loop, self._root_path)
        reading = read_whole(environ) if self._whole else nullcontext()
        call = copy_context().run  # or the thread would not know whose request it is
        self._pool.submit(partial(call, response.run, self._app, environ, reading))
        try:
            await response.pipe.forward()
        finally:
            self._pool.release()


class Response:
    """The application's side of one response; all of it runs in the application's thread."""

    def __init__(self, pipe: Pipe, request_id: str) -> None:
        self.pipe = pipe
        self._request_id = request_id
        self._head: tuple[int, list[tuple[bytes, bytes]]] | None = None
        self._sent = False  # the head
        self._left = -1  # bytes of the declared Content-Length; -1: not declared
        self._complete = False

    def run(
        self, app: WsgiApp, environ: dict[str, Any], reading: AbstractContextManager[None]
    ) -> None:
        try:
            with reading:
                self._answer(app(environ, self.start))
        except ClientDisconnected:
            log.debug("No one waits for request %s any more", self._request_id)
        except BaseException:  # `sys.exit()` too: it is one request that fails
            log.exception("The application failed on request %s", self._request_id)
            self._fail()
        finally:
            self.pipe.done()

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        """`start_response` of PEP 3333."""
        if exc_info is not None and self._sent:
            try:
                raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # or its traceback, which has this frame, would hold itself
        if exc_info is None and self._head is not None:
            raise RuntimeError("start_response was called twice without exc_info")
        fields = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        self._head = int(status[:3]), fields
        length = next((value for name, value in fields if name == b"content-length"), b"")
        self._left = int(length) if length.isdigit() else -1
        return self.write

    def write(self, data: bytes) -> None:
        """Send body bytes at once, the head before the first."""
        if data:
            self._left -= len(data)
            self._send(data, end=self._left == 0)

    def _answer(self, body: Iterable[bytes]) -> None:
        whole = isinstance(body, Sized) and len(body) == 1
        try:
            for chunk in body:
                if whole:
                    self._send(chunk, end=True)
                else:
                    self.write(chunk)
            if not self._complete:
                self._send(b"", end=True)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()

    def _send(self, data: bytes, *, end: bool) -> None:
        if not isinstance(data, bytes):
            raise TypeError(f"a WSGI response must consist of bytes, not of {type(data).__name__}")
        if self._head is None:
            raise RuntimeError("start_response was not called before the first piece of the body")
        if self._complete:
            raise ValueError("the response is longer than its Content-Length")
        self._complete = end
        if self._sent:
            self.pipe.put(lambda exchange: exchange.send_body(data, end), len(data))
        else:
            self._sent = True
            status, fields = self._head
            self.pipe.put(lambda exchange: exchange.send_head(status, fields, data, end), len(data))

    def _fail(self) -> None:
        """The application raised: a 500, or after the head a response that is cut."""
        with suppress(ClientDisconnected):
            self.pipe.put(_cut if self._sent else send_error, 0)


async def _cut(exchange: Exchange) -> None:
    exchange.abort(AbortCode.HANDLER_ERROR, "the application failed")
