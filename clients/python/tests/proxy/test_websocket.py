"""WebSockets as bytes between a gateway and an application (proto/README.md, section 10.5)."""

import asyncio
import socket
import struct

import pytest
from scripted_app import Scripted, Talk

from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.testing import FakeExchange

HANDSHAKE = [
    (b"host", b"shop.example.com"),
    (b"origin", b"https://shop.example.com"),
    (b"sec-websocket-protocol", b"one, two"),
    (b"connection", b"Upgrade"),
    (b"upgrade", b"websocket"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-extensions", b"permessage-deflate"),
]
ACCEPTED = [
    (b"Upgrade", b"websocket"),
    (b"Connection", b"Upgrade"),
    (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    (b"Sec-WebSocket-Extensions", b"permessage-deflate"),
]
ACCEPT = b"HTTP/1.1 101 X\r\n" + b"".join(b"%b: %b\r\n" % field for field in ACCEPTED) + b"\r\n"


def handshake() -> FakeExchange:
    exchange = FakeExchange("GET", b"/chat?room=1", HANDSHAKE, body=None, websocket=True)
    exchange.request.tunnel = True
    return exchange


async def accepted(application: Scripted, exchange: FakeExchange) -> Talk:
    """The connection of a WebSocket that the application has accepted."""
    talk = await application.taken()
    await talk.head()
    talk.say(ACCEPT)
    await exchange.sent.wait()
    return talk


async def test_the_handshake_is_the_clients_and_the_answer_the_applications(
    application: Scripted,
) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await application.taken()
        lines = [b"%b: %b\r\n" % field for field in HANDSHAKE]
        assert await talk.head() == b"GET /chat?room=1 HTTP/1.1\r\n" + b"".join(lines) + b"\r\n"
        talk.say(b"HTTP/1.1 100 Continue\r\n\r\n" + ACCEPT)
        talk.close()
    assert (exchange.status, exchange.headers) == (101, ACCEPTED)
    assert exchange.ended


async def test_bytes_go_both_ways_as_they_are(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(ACCEPT + b"\x81\x05hello")  # in one piece with the head
        await exchange.sent.wait()
        exchange.body.feed(b"\xc1\x84mask\x00\x01\x02\x03")
        assert await talk.body(10) == b"\xc1\x84mask\x00\x01\x02\x03"
        talk.say(b"HTTP/1.1 200 OK\r\n\r\n")  # whatever it looks like
        talk.close()
    assert exchange.content == b"\x81\x05helloHTTP/1.1 200 OK\r\n\r\n"
    assert (exchange.ended, exchange.aborted) == (True, None)


async def test_a_client_that_has_said_all_may_still_read(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await accepted(application, exchange)
        exchange.body.feed(b"last words")
        exchange.body.finish()
        assert await talk.gone() == b"last words"
        talk.say(b"an answer")
        talk.close()
    assert exchange.content == b"an answer"


async def test_a_client_that_is_lost_is_lost_to_the_application(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await accepted(application, exchange)
        exchange.body.feed(b"last words")
        exchange.cancel(CancelReason.CLIENT_GONE)
        assert await talk.gone() == b"last words"
        talk.close()
    assert exchange.aborted is None  # the worker says what is left to say


async def test_a_client_may_leave_before_the_answer(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        exchange.cancel(CancelReason.CLIENT_GONE)
        assert await talk.gone() == b""


async def test_an_application_may_answer_otherwise(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 8\r\n\r\nnot you\n")
        assert await talk.gone() == b""
    assert (exchange.status, exchange.content) == (403, b"not you\n")


async def test_an_application_that_vanishes_is_a_failure(application: Scripted) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        talk = await accepted(application, exchange)
        reset = struct.pack("ii", 1, 0)
        talk.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        talk.close()
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_a_stop_comes_to_websockets_when_nothing_else_is_left(
    application: Scripted,
) -> None:
    chat, request = handshake(), FakeExchange()
    async with application.handling(chat), application.handling(request) as answering:
        talks = [await application.taken(), await application.taken()]
        heads = [await talk.head() for talk in talks]
        if b"upgrade" in heads[1]:
            talks.reverse()
        talks[0].say(ACCEPT)
        await chat.sent.wait()
        chat.drain()
        request.drain()
        assert not application.app.over.is_set()
        talks[1].say(b"HTTP/1.1 204 No Content\r\n\r\n")
        await answering
        assert application.app.over.is_set()
        application.app.hang_up()
        assert await talks[0].gone() == b""
        talks[0].close()


async def test_a_websocket_that_comes_during_a_stop_is_no_exception(
    application: Scripted,
) -> None:
    exchange = handshake()
    exchange.drain()
    async with application.handling(exchange):
        async with asyncio.timeout(20):
            await application.app.over.wait()
        (await accepted(application, exchange)).close()


@pytest.mark.parametrize("reason", [CancelReason.CLIENT_GONE, CancelReason.SHUTDOWN])
async def test_nothing_is_dialled_for_a_client_that_has_left(
    application: Scripted, reason: CancelReason
) -> None:
    exchange = handshake()
    async with application.handling(exchange):
        exchange.cancel(reason)
        talk = await application.taken()
        assert await talk.gone() == b""
