"""WebSockets between a gateway's events and an application's frames (RFC 6455)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from scripted import Scripted
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from prack_wire.websocket_events import BINARY, CLOSE, TEXT, Decoder, Event, close_data, encode
from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.proxy.address import Address
from prack_worker.proxy.application import ProxyApplication
from prack_worker.proxy.upstream import Upstream
from prack_worker.testing import FakeExchange

Handler = Callable[[ServerConnection], Awaitable[None]]
MIB = 1024 * 1024


def handshake(*fields: tuple[bytes, bytes]) -> FakeExchange:
    return FakeExchange(
        "GET", b"/chat?room=1", [(b"host", b"a"), *fields], body=None, websocket=True
    )


def say(exchange: FakeExchange, name: bytes, data: bytes) -> None:
    exchange.body.feed(encode(name, data))


def leave(exchange: FakeExchange, code: int = 1000, reason: str = "") -> None:
    """The client closes."""
    say(exchange, CLOSE, close_data(code, reason))
    exchange.body.finish()


def events(exchange: FakeExchange) -> list[Event]:
    return Decoder(2 * MIB).feed(exchange.content)


@asynccontextmanager
async def relayed(
    handler: Handler, exchange: FakeExchange, **options: Any
) -> AsyncIterator[asyncio.Task[None]]:
    """The exchange is relayed to this application meanwhile, and is done at the end."""
    async with serve(handler, "127.0.0.1", 0, **options) as server:
        (_, port, *_) = next(iter(server.sockets)).getsockname()
        app = ProxyApplication(Upstream(Address("127.0.0.1", port)), lambda: None)
        task = asyncio.create_task(app.handle(exchange))
        try:
            yield task
            async with asyncio.timeout(10):
                await task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def echo(socket: ServerConnection) -> None:
    async for message in socket:
        await socket.send(message)
        if message == "":
            await socket.close(4001, "done")


async def test_messages_go_both_ways() -> None:
    exchange = handshake()
    async with relayed(echo, exchange):
        say(exchange, TEXT, "grüß".encode())
        say(exchange, BINARY, bytes(MIB))
        say(exchange, TEXT, b"")
    assert exchange.status == 101
    assert events(exchange) == [
        Event(TEXT, "grüß".encode()),
        Event(BINARY, bytes(MIB)),
        Event(TEXT, b""),
        Event(CLOSE, close_data(4001, "done")),
    ]


async def test_the_handshake_is_the_clients_and_has_no_compression() -> None:
    seen: list[tuple[str, str]] = []

    async def handler(socket: ServerConnection) -> None:
        assert socket.request is not None
        seen.append(("path", socket.request.path))
        seen.extend(socket.request.headers.raw_items())

    exchange = handshake((b"origin", b"https://a.example"), (b"cookie", b"a=1"), (b"x-a", b"1"))
    async with relayed(handler, exchange):
        pass
    names = [name for name, _ in seen]
    assert seen[:5] == [
        ("path", "/chat?room=1"),
        ("host", "a"),
        ("origin", "https://a.example"),
        ("cookie", "a=1"),
        ("x-a", "1"),
    ]
    assert names[5:] == ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"]


async def test_the_subprotocol_is_the_applications_choice() -> None:
    exchange = handshake((b"sec-websocket-protocol", b"one, two"))
    async with relayed(echo, exchange, subprotocols=["two"]):
        leave(exchange)
    fields = dict(exchange.headers)
    assert fields[b"sec-websocket-protocol"] == b"two"
    assert not fields.keys() & {b"connection", b"upgrade", b"sec-websocket-accept"}


async def test_an_application_may_answer_otherwise() -> None:
    def refuse(socket: ServerConnection, _: Any) -> Any:
        return socket.respond(403, "not you\n")

    exchange = handshake()
    async with relayed(echo, exchange, process_request=refuse):
        pass
    assert (exchange.status, exchange.content) == (403, b"not you\n")
    assert exchange.aborted is None


async def test_fragments_are_one_message_and_pings_are_answered() -> None:
    async def handler(socket: ServerConnection) -> None:
        await (await socket.ping())
        await socket.send(["one ", "two ", "three"])
        await socket.send([b"\x00", b"\xff"])

    exchange = handshake()
    async with relayed(handler, exchange):
        pass
    assert events(exchange)[:2] == [Event(TEXT, b"one two three"), Event(BINARY, b"\x00\xff")]


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "bye"), (4999, "ü" * 60)])
async def test_the_application_closes(code: int, reason: str) -> None:
    exchange = handshake()
    async with relayed(lambda socket: socket.close(code, reason), exchange):
        pass
    assert events(exchange) == [Event(CLOSE, close_data(code, reason))]
    assert exchange.ended


async def test_a_close_without_a_code_has_none() -> None:
    closed: list[int | None] = []

    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()
        closed.append(socket.close_code)

    exchange = handshake()
    async with relayed(handler, exchange):
        leave(exchange, 1005)
    assert closed == [1005]


async def test_an_application_that_vanishes_is_a_failure() -> None:
    async def handler(socket: ServerConnection) -> None:
        socket.transport.abort()

    exchange = handshake()
    async with relayed(handler, exchange):
        pass
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_a_message_that_is_too_large_closes_with_1011() -> None:
    exchange = handshake()
    async with relayed(lambda socket: socket.send(bytes(MIB + 1)), exchange):
        pass
    assert events(exchange) == [Event(CLOSE, close_data(1011))]


async def test_a_client_that_is_lost_is_lost_to_the_application() -> None:
    heard: list[Any] = []

    async def handler(socket: ServerConnection) -> None:
        try:
            while True:
                heard.append(await socket.recv())
        except ConnectionClosed as closed:
            heard.append(closed.rcvd)

    exchange = handshake()
    async with relayed(handler, exchange):
        await exchange.sent.wait()
        say(exchange, TEXT, b"last words")
        exchange.cancel(CancelReason.CLIENT_GONE)
    assert heard == ["last words", None]


async def test_a_worker_that_stops_has_the_client_connect_anew() -> None:
    closed: list[int | None] = []

    async def handler(socket: ServerConnection) -> None:
        await socket.wait_closed()
        closed.append(socket.close_code)

    exchange = handshake()
    async with relayed(handler, exchange):
        await exchange.sent.wait()
        exchange.drain()
    assert events(exchange) == [Event(CLOSE, close_data(1012, "the worker is stopping"))]
    assert closed == [1001]


@pytest.mark.parametrize("accept", [b"", b"sec-websocket-accept: AAAA\r\n"])
async def test_an_answer_of_something_else_is_a_failure(
    application: Scripted, accept: bytes
) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n%b\r\n" % accept)
    assert exchange.aborted is not None
    assert "Sec-WebSocket-Accept" in exchange.aborted[1]
