"""The ASGI adapter (ASGI HTTP specification 2.4, lifespan protocol 2.0)."""

import asyncio
from typing import Any

import pytest

from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import ClientDisconnected, LifespanFailed
from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.testing import FakeExchange

START = {"type": "http.response.start", "status": 201, "headers": [(b"x", b"1")]}


async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send(START)
    await send({"type": "http.response.body", "body": b"hello"})


async def scope_of(exchange: FakeExchange) -> Any:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await hello(scope, receive, send)

    await AsgiApplication(app).handle(exchange)
    return scopes[0]


async def test_the_scope_is_the_one_that_uvicorn_builds() -> None:
    scope = await scope_of(
        FakeExchange(
            "POST",
            b"/caf%C3%A9/a%2Fb?q=%20&r=1",
            [(b"host", b"shop.example.com:8080"), (b"x", b"1"), (b"x", b"2")],
            scheme="https",
            authority="shop.example.com:8080",
        )
    )
    assert scope == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "https",
        "path": "/café/a/b",
        "raw_path": b"/caf%C3%A9/a%2Fb",
        "query_string": b"q=%20&r=1",
        "root_path": "",
        "headers": [(b"host", b"shop.example.com:8080"), (b"x", b"1"), (b"x", b"2")],
        "client": ("192.0.2.7", 4711),
        "server": ("shop.example.com", 8080),
        "state": {},
        "extensions": {
            "prack": {"request_id": "r1", "attempt": 1},
            "http.response.trailers": {},
            "http.response.early_hint": {},
        },
    }


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://other/a?b", "/a", b"b"),
        (b"*", "*", b""),
        (b"/%ff", "/�", b""),
        (b"/a?b?c", "/a", b"b?c"),
        (b"//a", "//a", b""),
    ],
)
async def test_unusual_targets(target: bytes, path: str, query: bytes) -> None:
    scope = await scope_of(FakeExchange(target=target))
    assert (scope["path"], scope["query_string"]) == (path, query)


@pytest.mark.parametrize(
    ("authority", "scheme", "server"),
    [
        ("shop", "http", ("shop", 80)),
        ("shop", "https", ("shop", 443)),
        ("[::1]:81", "http", ("::1", 81)),
        ("[::1]", "http", ("::1", 80)),
        ("shop:", "http", ("shop", 80)),
        ("", "http", None),
    ],
)
async def test_the_server_comes_from_the_authority(
    authority: str, scheme: str, server: tuple[str, int]
) -> None:
    scope = await scope_of(FakeExchange(authority=authority, scheme=scheme))
    assert scope["server"] == server


async def test_the_response_goes_out_as_it_was_sent() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": bytearray(b"b"), "more_body": True})
        await send({"type": "http.response.body"})

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert (exchange.status, exchange.headers) == (201, [(b"x", b"1")])
    assert exchange.pieces == [b"a", b"b"]
    assert exchange.ended


async def test_the_request_body_comes_piece_by_piece() -> None:
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        received.append(await receive())
        exchange.body.feed(b"b")
        exchange.body.finish()
        received.append(await receive())
        await hello(scope, receive, send)
        received.append(await receive())

    exchange = FakeExchange(body=None)
    exchange.body.feed(b"a")
    await AsgiApplication(app).handle(exchange)
    assert received == [
        {"type": "http.request", "body": b"a", "more_body": True},
        {"type": "http.request", "body": b"b", "more_body": False},
        {"type": "http.disconnect"},
    ]


async def test_two_receivers_at_a_time_do_not_disturb_each_other() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        first, second = asyncio.create_task(receive()), asyncio.create_task(receive())
        await asyncio.sleep(0)
        first.cancel()
        exchange.body.feed(b"a")
        assert (await second)["body"] == b"a"
        await hello(scope, receive, send)

    exchange = FakeExchange(body=None)
    await AsgiApplication(app).handle(exchange)
    assert exchange.status == 201


async def test_a_client_that_left_is_a_disconnect_and_an_oserror() -> None:
    received: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        watcher = asyncio.create_task(receive())
        await asyncio.sleep(0)
        exchange.cancel(CancelReason.CLIENT_GONE)
        received.append(await watcher)
        received.append(await receive())
        await send(START)

    exchange = FakeExchange()
    with pytest.raises(ClientDisconnected) as raised:
        await AsgiApplication(app).handle(exchange)
    assert isinstance(raised.value, OSError)
    assert received == [{"type": "http.disconnect"}] * 2
    assert exchange.sends == 0


async def test_a_client_that_leaves_early_disconnects_the_body() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange.cancel(CancelReason.CLIENT_GONE)
        assert await receive() == {"type": "http.disconnect"}

    exchange = FakeExchange(body=None)
    await AsgiApplication(app).handle(exchange)
    assert exchange.status == 0


async def test_send_waits_for_a_slow_client() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange.gate.clear()
        await hello(scope, receive, send)

    exchange = FakeExchange()
    task = asyncio.create_task(AsgiApplication(app).handle(exchange))
    await asyncio.sleep(0)
    assert not task.done()
    exchange.gate.set()
    await task


async def test_an_error_before_the_head_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("nothing there")

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert (exchange.status, exchange.content) == (500, b"Internal Server Error")
    assert exchange.headers[0] == (b"content-type", b"text/plain; charset=utf-8")
    assert "LookupError: nothing there" in caplog.text


async def test_an_error_after_the_head_is_an_abort() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        raise LookupError

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_a_return_without_a_response_is_a_500() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        return

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert exchange.status == 500


async def test_a_return_in_the_middle_of_a_response_is_an_abort() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert exchange.aborted is not None


BODY = {"type": "http.response.body"}


@pytest.mark.parametrize(
    "messages", [[BODY], [START, START], [START, BODY, BODY], [{"type": "http.disconnect"}]]
)
async def test_messages_out_of_order_are_the_applications_error(messages: list[Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages[:-1]:
            await send(message)
        with pytest.raises(RuntimeError, match="does not come next"):
            await send(messages[-1])

    await AsgiApplication(app).handle(FakeExchange())


async def test_the_lifespan_runs_around_the_requests_and_shares_its_state() -> None:
    steps: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            steps.append(scope["state"]["db"])
            scope["state"]["db"] = "changed for this request only"
            return await hello(scope, receive, send)
        for step in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{step}"
            scope["state"]["db"] = "open"
            steps.append(step)
            await send({"type": f"lifespan.{step}.complete"})

    application = AsgiApplication(app)
    async with application.running():
        await application.handle(FakeExchange())
        await application.handle(FakeExchange())
    assert steps == ["startup", "open", "open", "shutdown"]


async def test_a_failed_startup_says_why_in_one_line() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        message = "Traceback:\n  line\nRuntimeError: no database\n"
        await send({"type": "lifespan.startup.failed", "message": message})

    with pytest.raises(LifespanFailed, match=r"^RuntimeError: no database$"):
        async with AsgiApplication(app).running():
            pass


async def test_a_failed_shutdown_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed"})

    async with AsgiApplication(app).running():
        pass
    assert "failed in its lifespan shutdown: no reason given" in caplog.text


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise TypeError("only http here")


async def returns(scope: Any, receive: Any, send: Any) -> None:
    return


async def answers_as_http(scope: Any, receive: Any, send: Any) -> None:
    await send(START)


@pytest.mark.parametrize("app", [raises, returns, answers_as_http])
async def test_an_application_without_lifespan_is_fine(app: Any) -> None:
    async with AsgiApplication(app).running():
        pass


@pytest.mark.parametrize("body", [5, "text", None])
async def test_a_body_that_is_not_of_bytes_is_the_applications_error(body: Any) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send({"type": "http.response.body", "body": body})

    exchange = FakeExchange()
    await AsgiApplication(app).handle(exchange)
    assert exchange.content == b""
    assert exchange.aborted is not None
