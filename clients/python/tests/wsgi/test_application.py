"""The WSGI adapter (PEP 3333); the applications run under the validator of the standard library."""

import asyncio
import io
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication

TEXT = [("Content-Type", "text/plain")]


async def run(app: Any, exchange: FakeExchange, *, validated: bool = True) -> FakeExchange:
    """Answer one exchange."""
    application = WsgiApplication(validator(app) if validated else app, threads=2)
    async with application.running():
        async with asyncio.timeout(20):
            await application.handle(exchange)
    return exchange


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [*TEXT, ("Content-Length", "5")])
    return [b"hello"]


async def environ_of(exchange: FakeExchange) -> Any:
    environs = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environs.append(environ)
        return hello(environ, start_response)

    await run(app, exchange, validated=False)
    return environs[0]


async def test_a_valid_application_is_answered_with() -> None:
    exchange = await run(hello, FakeExchange("POST", b"/a?b", [(b"content-type", b"x/y")], b"abc"))
    assert exchange.status == 200
    assert exchange.headers == [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    assert exchange.content == b"hello"


async def test_a_body_of_one_piece_is_one_send() -> None:
    exchange = await run(hello, FakeExchange(), validated=False)
    assert (exchange.sends, exchange.ended) == (1, True)


async def test_a_body_of_the_declared_length_is_one_send() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        yield from hello(environ, start_response)

    exchange = await run(app, FakeExchange())
    assert (exchange.sends, exchange.content) == (1, b"hello")


async def test_the_environment_is_complete() -> None:
    environ = await environ_of(
        FakeExchange(
            "POST",
            b"/caf%C3%A9/a%2Fb?q=%20",
            [
                (b"content-type", b"text/plain"),
                (b"content-length", b"3"),
                (b"x-list", b"1"),
                (b"x-list", b"2"),
                (b"cookie", b"a=1"),
                (b"cookie", b"b=2"),
                (b"x-latin", b"\xe9"),
                (b"x_list", b"spoofed"),
                (b"proxy", b"evil"),
            ],
            b"abc",
            scheme="https",
            authority="shop.example.com:444",
        )
    )
    assert environ.pop("wsgi.input").read() == b"abc"
    assert environ.pop("wsgi.errors") is sys.stderr
    assert environ == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/cafÃ©/a/b",
        "QUERY_STRING": "q=%20",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "444",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "4711",
        "HTTP_X_LIST": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_LATIN": "\xe9",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "prack.request_id": "r1",
        "prack.attempt": 1,
        "prack.raw_target": "/caf%C3%A9/a%2Fb?q=%20",
    }


async def test_a_body_in_chunks_has_no_length_also_when_it_is_here() -> None:
    assert "CONTENT_LENGTH" not in await environ_of(FakeExchange(body=b"abc"))
    assert "CONTENT_LENGTH" not in await environ_of(FakeExchange(client=None))


async def test_pieces_reach_the_client_as_they_are_yielded() -> None:
    seen: asyncio.Queue[int] = asyncio.Queue()
    loop, gate = asyncio.get_running_loop(), threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"first"
        yield b""
        loop.call_soon_threadsafe(seen.put_nowait, 1)
        gate.wait(5)
        yield b"second"

    exchange = FakeExchange()
    task = asyncio.create_task(run(app, exchange))
    await seen.get()
    await exchange.sent.wait()
    assert exchange.pieces == [b"first"]
    gate.set()
    await task
    assert exchange.pieces == [b"first", b"second"]
    assert exchange.ended


async def test_an_empty_body() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("204 No Content", [])
        return []

    exchange = await run(app, FakeExchange())
    assert (exchange.status, exchange.sends, exchange.ended) == (204, 1, True)


async def test_the_write_callable() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", TEXT)
        write(b"a")
        write(b"b")
        return [b"c"]

    assert (await run(app, FakeExchange())).content == b"abc"


def read_all(file: Any) -> list[bytes]:
    return [file.read(2), file.readline(), *file.readlines(), file.read(1)]


def read_lines(file: Any) -> list[bytes]:
    return list(file)


@pytest.mark.parametrize("read", [read_all, read_lines])
async def test_a_body_that_comes_bit_by_bit_is_a_file(
    read: Callable[[Any], list[bytes]],
) -> None:
    content = b"ab\ncd\n" + b"x" * 200_000 + b"\nlast"

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        return [b"".join(read(environ["wsgi.input"]))]

    exchange = FakeExchange("POST", body=None)
    task = asyncio.create_task(run(app, exchange))
    for start in range(0, len(content), 60_000):
        await asyncio.sleep(0)
        exchange.body.feed(content[start : start + 60_000])
    exchange.body.finish()
    await task
    assert exchange.content == content


async def test_reading_the_body_of_a_client_that_left_raises() -> None:
    errors: list[Exception] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        loop.call_soon_threadsafe(exchange.cancel, CancelReason.CLIENT_GONE)
        try:
            environ["wsgi.input"].read(1)
        except OSError as error:
            errors.append(error)
        return hello(environ, start_response)

    loop, exchange = asyncio.get_running_loop(), FakeExchange(body=None)
    await run(app, exchange)
    assert len(errors) == 1
    assert exchange.sends == 0


class Body:
    """An iterable that remembers whether it was closed."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks, self.error, self.closed = list(chunks), error, False

    def __iter__(self) -> Iterator[bytes]:
        yield from self.chunks
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("body", [Body(b"a", b"b"), Body(b"a", error=LookupError("gone"))])
async def test_close_is_always_called(body: Body) -> None:
    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", TEXT)
        return body

    await run(app, FakeExchange(), validated=False)
    assert body.closed


async def test_a_client_that_left_stops_the_writing() -> None:
    body = Body(*[b"x" * 50_000] * 100)

    def app(environ: Any, start_response: Any) -> Body:
        start_response("200 OK", TEXT)
        return body

    exchange = FakeExchange()
    exchange.gate.clear()
    task = asyncio.create_task(run(app, exchange, validated=False))
    await exchange.sent.wait()
    exchange.cancel(CancelReason.CLIENT_GONE)
    exchange.gate.set()
    await task
    assert body.closed
    assert len(exchange.pieces) == 1


async def test_a_thread_does_not_run_away_from_a_slow_client() -> None:
    ahead: list[int] = []

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        for number in range(100):
            ahead.append(number - len(exchange.pieces))
            yield b"x" * 50_000

    exchange = FakeExchange()
    exchange.gate.clear()
    task = asyncio.create_task(run(app, exchange, validated=False))
    await exchange.sent.wait()
    exchange.gate.set()
    await task
    assert max(ahead) <= 4
    assert len(exchange.content) == 100 * 50_000


async def test_an_error_before_the_head_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise LookupError("nothing there")

    exchange = await run(app, FakeExchange())
    assert (exchange.status, exchange.content) == (500, b"Internal Server Error")
    assert "LookupError: nothing there" in caplog.text


async def test_an_error_after_the_head_is_an_abort() -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", TEXT)
        yield b"a"
        raise LookupError

    exchange = await run(app, FakeExchange(), validated=False)
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_exc_info_replaces_a_head_that_was_not_sent() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)
        try:
            raise LookupError
        except LookupError:
            start_response("503 Busy", TEXT, sys.exc_info())
        return [b"busy"]

    assert (await run(app, FakeExchange())).status == 503


async def test_exc_info_after_the_head_is_raised() -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", TEXT)(b"a")
        try:
            raise LookupError
        except LookupError:
            start_response("500 Oops", TEXT, sys.exc_info())
        return []

    exchange = await run(app, FakeExchange())
    assert (exchange.status, exchange.content) == (200, b"a")
    assert exchange.aborted is not None


def no_start(environ: Any, start_response: Any) -> list[bytes]:
    return [b"a"]


def starts_twice(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", TEXT)
    start_response("200 OK", TEXT)
    return [b"a"]


def yields_text(environ: Any, start_response: Any) -> Any:
    start_response("200 OK", TEXT)
    return ["a"]


@pytest.mark.parametrize("app", [no_start, starts_twice, yields_text])
async def test_what_pep_3333_forbids_is_a_500(app: Any) -> None:
    assert (await run(app, FakeExchange(), validated=False)).status == 500


async def test_more_than_the_declared_length_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        return [*hello(environ, start_response), b"more"]

    exchange = await run(app, FakeExchange(), validated=False)
    assert exchange.content == b"hello"
    assert "longer than its Content-Length" in caplog.text


async def test_as_many_run_at_a_time_as_there_are_threads() -> None:
    barrier = threading.Barrier(3, timeout=5)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        barrier.wait()
        return hello(environ, start_response)

    application = WsgiApplication(app, threads=3)
    exchanges = [FakeExchange() for _ in range(3)]
    async with application.running():
        await asyncio.gather(*(application.handle(exchange) for exchange in exchanges))
    assert [exchange.content for exchange in exchanges] == [b"hello"] * 3


async def test_the_input_of_a_small_body_is_plain_memory() -> None:
    exchange = FakeExchange("POST", headers=[(b"content-length", b"1")], body=b"a")
    assert isinstance((await environ_of(exchange))["wsgi.input"], io.BytesIO)
