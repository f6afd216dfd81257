"""What an application had open is closed at once, not when the garbage collector comes."""

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fake_gateway import FakeGateway
from serving import running

from prack.v1 import worker_pb2 as pb
from prack_worker.asgi.application import AsgiApplication
from prack_worker.exchange import CancelReason
from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication


@pytest.fixture(autouse=True, scope="module")
def frozen() -> Iterator[None]:
    """What was there before the tests is looked at once: there is much of it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Only what is not in a cycle goes."""
    gc.collect()
    gc.disable()
    yield
    gc.collect()
    gc.enable()


class Pieces:
    """A body without end that tells when it was closed."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()

    async def __call__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"piece"
                await asyncio.sleep(0)
        finally:
            self.closed.set()


def raw(pieces: Pieces) -> Any:
    """An ASGI application that leaves its generator to its frame."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            async for piece in pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})

    return app


def starlette(pieces: Pieces) -> Any:
    """The same by a framework."""
    responses = pytest.importorskip("starlette.responses")
    applications = pytest.importorskip("starlette.applications")
    routing = pytest.importorskip("starlette.routing")

    async def view(request: Any) -> Any:
        return responses.StreamingResponse(pieces())

    return applications.Starlette(routes=[routing.Route("/", view)])


@pytest.mark.parametrize("make", [raw, starlette])
async def test_a_client_that_leaves_closes_an_async_generator(
    gateway: FakeGateway, make: Any
) -> None:
    pieces = Pieces()
    async with running(AsgiApplication(make(pieces)), gateway.transport(), patience=60.0):
        stream = await gateway.welcomed()
        number = await stream.request()
        await stream.frame()
        await stream.send(cancels=[pb.Cancel(id=number, reason=pb.CANCEL_REASON_CLIENT_GONE)])
        async with asyncio.timeout(20):
            await pieces.closed.wait()


async def test_a_client_that_leaves_closes_a_generator(gateway: FakeGateway) -> None:
    closed, loop = asyncio.Event(), asyncio.get_running_loop()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"piece"
        finally:
            loop.call_soon_threadsafe(closed.set)

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        return pieces()

    async with running(WsgiApplication(app, threads=1), gateway.transport(), patience=60.0):
        stream = await gateway.welcomed()
        number = await stream.request()
        await stream.frame()
        await stream.send(cancels=[pb.Cancel(id=number, reason=pb.CANCEL_REASON_CLIENT_GONE)])
        async with asyncio.timeout(20):
            await closed.wait()


class Held:
    """Something that a frame has open."""

    def __init__(self, gone: list[str]) -> None:
        self._gone = gone

    def __del__(self) -> None:
        self._gone.append("gone")


def late_error(environ: Any, start_response: Any, gone: list[str]) -> list[bytes]:
    start_response("200 OK", [])(b"begun")
    try:
        held = Held(gone)  # noqa: F841 - its frame is in the traceback
        raise ValueError("late")
    except ValueError:
        start_response("500 Oops", [], sys.exc_info())
    return []


def cut_upload(environ: Any, start_response: Any, gone: list[str]) -> list[bytes]:
    held = Held(gone)  # noqa: F841 - as above
    environ["wsgi.input"].read()
    return []


@pytest.mark.parametrize("view", [late_error, cut_upload])
async def test_an_error_in_a_thread_keeps_nothing(
    view: Any, caplog: pytest.LogCaptureFixture
) -> None:
    gone: list[str] = []
    caplog.set_level(logging.CRITICAL, "prack_worker")  # a record would hold the traceback

    def app(environ: Any, start_response: Any) -> list[bytes]:
        return list(view(environ, start_response, gone))

    exchange = FakeExchange("POST", body=None)
    application = WsgiApplication(app, threads=1)
    async with application.running():
        handling = asyncio.create_task(application.handle(exchange))
        if view is cut_upload:
            asyncio.get_running_loop().call_later(0.01, exchange.cancel, CancelReason.CLIENT_GONE)
        await asyncio.wait_for(handling, 5)
    assert gone == ["gone"]
