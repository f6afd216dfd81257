"""The ASGI side of WebSockets (ASGI WebSocket specification 2.4), over an exchange in memory."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    MAX_EVENT,
    TEXT,
    Decoder,
    Event,
    close_code,
    close_data,
    encode,
)
from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import CancelReason
from prack_worker.testing import FakeExchange

ACCEPT = {"type": "websocket.accept"}
DISCONNECT = "websocket.disconnect"


def opened(
    *events: bytes, headers: Iterable[tuple[bytes, bytes]] = (), **values: Any
) -> FakeExchange:
    """A handshake, and what the client sent after it."""
    exchange = FakeExchange(headers=headers, body=None, websocket=True, **values)
    for event in events:
        exchange.body.feed(event)
    return exchange


def close(code: int, reason: str = "") -> bytes:
    return encode(CLOSE, close_data(code, reason) or None)


def sent(exchange: FakeExchange) -> list[Event]:
    return Decoder(MAX_EVENT).feed(exchange.content)


async def serve(app: Any, exchange: FakeExchange) -> FakeExchange:
    async with asyncio.timeout(20):
        await AsgiApplication(app).handle(exchange)
    return exchange


async def received(*events: bytes, then: Callable[[FakeExchange], object] = id) -> list[Any]:
    """What an application receives up to its disconnect, without the connect."""
    messages: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == {"type": "websocket.connect"}
        await send(ACCEPT)
        then(exchange)
        while not messages or messages[-1]["type"] != DISCONNECT:
            messages.append(await receive())
        assert await receive() == messages[-1]

    exchange = opened(*events)
    await serve(app, exchange)
    return messages


async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    while (message := await receive())["type"] != DISCONNECT:
        await send({**message, "type": "websocket.send"})


async def test_the_scope_is_the_one_that_uvicorn_builds() -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await send({"type": "websocket.close"})

    offer = [(b"sec-websocket-protocol", b"chat, v2"), (b"sec-websocket-protocol", b"v1")]
    headers = [(b"host", b"example.com"), *offer]
    await serve(app, opened(headers=headers, target=b"/caf%C3%A9?q=1", scheme="https"))
    assert scopes == [
        {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss",
            "path": "/café",
            "raw_path": b"/caf%C3%A9",
            "query_string": b"q=1",
            "root_path": "",
            "headers": [*headers, (b"connection", b"Upgrade"), (b"upgrade", b"websocket")],
            "client": ("192.0.2.7", 4711),
            "server": ("example.com", 443),
            "subprotocols": ["chat", "v2", "v1"],
            "state": {},
            "extensions": {
                "prack": {"request_id": "r1", "attempt": 1},
                "websocket.http.response": {},
            },
        }
    ]


async def test_messages_go_both_ways_and_a_close_is_answered() -> None:
    events = [encode(TEXT, "grüß".encode()), encode(BINARY, b"\x00\xff"), encode(TEXT, b"")]
    exchange = await serve(echo, opened(*events, close(4001, "bye")))
    assert exchange.status == 101
    assert sent(exchange) == [
        (TEXT, "grüß".encode()),
        (BINARY, b"\x00\xff"),
        (TEXT, b""),
        (CLOSE, close_data(4001, "bye")),
    ]
    assert exchange.ended


async def test_an_event_in_pieces_and_events_in_one_piece_are_the_same() -> None:
    stream = encode(TEXT, b"a\r\nb") + encode(b"LATER", b"?") + encode(BINARY, b"c") + close(1000)
    expected = [
        {"type": "websocket.receive", "text": "a\r\nb"},
        {"type": "websocket.receive", "bytes": b"c"},
        {"type": DISCONNECT, "code": 1000, "reason": ""},
    ]
    assert await received(stream) == expected
    assert await received(*(bytes([byte]) for byte in stream)) == expected


async def test_the_accept_carries_headers_and_a_subprotocol() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({**ACCEPT, "subprotocol": "chat", "headers": [(b"x", b"1")]})

    exchange = await serve(app, opened())
    assert exchange.headers == [(b"x", b"1"), (b"sec-websocket-protocol", b"chat")]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (CancelReason.CLIENT_GONE, 1006),
        (CancelReason.SHUTDOWN, 1001),
        (CancelReason.GATEWAY_LOST, 1006),
    ],
)
async def test_a_lost_client_is_a_disconnect_after_what_it_said(
    reason: CancelReason, code: int
) -> None:
    messages = await received(encode(TEXT, b"last"), then=lambda socket: socket.cancel(reason))
    assert messages[0] == {"type": "websocket.receive", "text": "last"}
    assert messages[1]["code"] == code


async def test_a_close_that_came_before_the_loss_counts() -> None:
    def lose(exchange: FakeExchange) -> None:
        exchange.cancel(CancelReason.CLIENT_GONE)

    assert (await received(close(3000, "done"), then=lose))[0]["code"] == 3000
    assert (await received(close(1005), then=lose))[0]["code"] == 1005


async def test_a_broken_stream_of_events_is_the_end(caplog: pytest.LogCaptureFixture) -> None:
    for broken in (b"not an event\r\n", encode(TEXT, b"\xff")):
        assert (await received(broken))[0]["code"] == 1011
    assert "an invalid event" in caplog.text


async def test_a_close_of_the_application_ends_the_exchange() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.close", "code": 4000, "reason": "enough"})
        assert exchange.ended
        await receive()
        assert await receive() == {"type": DISCONNECT, "code": 4000, "reason": "enough"}
        with pytest.raises(RuntimeError, match="does not come next"):
            await send({"type": "websocket.send", "text": "late"})

    exchange = opened()
    assert sent(await serve(app, exchange)) == [(CLOSE, close_data(4000, "enough"))]


async def test_an_application_that_returns_closes() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)

    exchange = await serve(app, opened())
    assert [close_code(event.data) for event in sent(exchange)] == [(1000, "")]
    assert exchange.ended


async def test_a_send_after_the_client_left_is_an_oserror() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        exchange.body.finish()  # the application never asks what the client says
        with pytest.raises(ClientDisconnected) as raised:
            await send({"type": "websocket.send", "text": "hello?"})
        assert isinstance(raised.value, OSError)
        raise raised.value

    exchange = opened(close(1001))
    assert sent(await serve(app, exchange)) == [(CLOSE, close_data(1000))]


async def test_a_send_after_the_disconnect_is_an_oserror() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        assert (await receive())["type"] == DISCONNECT
        for kind in ("websocket.send", "websocket.close"):
            with pytest.raises(ClientDisconnected):
                await send({"type": kind, "text": ""})

    await serve(app, opened(close(1000)))


@pytest.mark.parametrize(
    ("answer", "status", "headers", "body"),
    [
        ([{"type": "websocket.close", "code": 4000}], 403, [(b"content-length", b"0")], b""),
        (
            [
                {
                    "type": "websocket.http.response.start",
                    "status": 401,
                    "headers": [(b"www-authenticate", b"Basic")],
                },
                {"type": "websocket.http.response.body", "body": b"who ", "more_body": True},
                {"type": "websocket.http.response.body", "body": b"are you?"},
            ],
            401,
            [(b"www-authenticate", b"Basic")],
            b"who are you?",
        ),
    ],
)
async def test_a_refusal_is_an_ordinary_response(
    answer: list[Any], status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        for message in answer:
            await send(message)
        assert (await receive())["type"] == DISCONNECT

    exchange = await serve(app, opened())
    assert (exchange.status, exchange.headers, exchange.content) == (status, headers, body)
    assert exchange.ended


async def test_a_refusal_that_is_left_incomplete_is_cut() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401})

    assert (await serve(app, opened())).aborted is not None


async def fails_at_once(scope: Any, receive: Any, send: Any) -> None:
    raise LookupError("nothing there")


async def fails_when_open(scope: Any, receive: Any, send: Any) -> None:
    await send(ACCEPT)
    raise LookupError("nothing there")


async def fails_when_refused(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.http.response.start", "status": 401})
    raise LookupError("nothing there")


async def returns_at_once(scope: Any, receive: Any, send: Any) -> None:
    return


async def test_an_error_is_a_500_or_a_close_or_a_cut(caplog: pytest.LogCaptureFixture) -> None:
    exchange = await serve(fails_at_once, opened())
    assert (exchange.status, exchange.content) == (500, b"Internal Server Error")
    exchange = await serve(fails_when_open, opened())
    assert sent(exchange) == [(CLOSE, close_data(1011))]
    assert (await serve(fails_when_refused, opened())).aborted is not None
    assert caplog.text.count("LookupError: nothing there") == 3
    assert (await serve(returns_at_once, opened())).status == 500
    assert "The application did not answer the handshake of WebSocket r1" in caplog.text


async def test_an_error_after_the_disconnect_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        await receive()
        raise LookupError((await receive())["code"])

    exchange = await serve(app, opened(close(3001)))
    assert sent(exchange) == [(CLOSE, close_data(3001))]
    lines = [record for record in caplog.records if record.levelname != "DEBUG"]
    assert [line.getMessage() for line in lines] == [
        "The application ended WebSocket r1 with LookupError(3001)"
    ]


async def test_a_message_is_at_most_a_mebibyte(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(ACCEPT)
        await send({"type": "websocket.send", "bytes": bytearray(MAX_EVENT)})
        await send({"type": "websocket.send", "bytes": bytes(MAX_EVENT + 1)})

    exchange = await serve(app, opened())
    assert sent(exchange) == [(BINARY, bytes(MAX_EVENT)), (CLOSE, close_data(1011))]
    assert "a message of 1048577 bytes; the limit is 1048576" in caplog.text


SEND = {"type": "websocket.send", "text": ""}
REFUSE = {"type": "websocket.http.response.start", "status": 400}


@pytest.mark.parametrize("messages", [[SEND], [ACCEPT, ACCEPT], [ACCEPT, REFUSE], [REFUSE, ACCEPT]])
async def test_messages_out_of_order_are_the_applications_error(messages: list[Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages[:-1]:
            await send(message)
        with pytest.raises(RuntimeError, match="does not come next"):
            await send(messages[-1])

    await serve(app, opened())


async def test_a_worker_that_stops_closes_with_1012_and_lets_the_application_finish() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send(ACCEPT)
        exchange.drain()
        await asyncio.sleep(0)
        assert sent(exchange)[-1].name == CLOSE
        heard.append(await receive())
        exchange.body.feed(encode(TEXT, b"too late"))
        heard.append(await receive())
        with pytest.raises(ClientDisconnected):
            await send(SEND)
        assert not exchange.ended

    heard: list[Any] = []
    exchange = opened(encode(TEXT, b"before"))
    await serve(app, exchange)
    assert heard[0]["text"] == "before"
    assert (heard[1]["code"], heard[1]["reason"]) == (1012, "the worker is stopping")
    assert sent(exchange) == [(CLOSE, close_data(1012, "the worker is stopping"))]
    assert exchange.ended


async def test_a_handshake_during_the_stop_is_answered_and_closed() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        exchange.drain()
        await receive()
        await send(ACCEPT)
        assert (await receive())["code"] == 1012

    exchange = opened()
    await serve(app, exchange)
    assert exchange.status == 101
    assert sent(exchange) == [(CLOSE, close_data(1012, "the worker is stopping"))]
