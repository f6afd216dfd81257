"""Connections that are used again, and the rule that a stale one never costs a request."""

import asyncio

import pytest
from scripted_app import Scripted, Talk

from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import AbortCode, Headers
from prack_worker.testing import FakeExchange

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"content-length: 0\r\n\r\n"


def get(method: str = "GET") -> FakeExchange:
    return FakeExchange(method, headers=[(b"host", b"a")])


async def served(application: Scripted, said: bytes = EMPTY, method: str = "GET") -> Talk:
    """The connection over which the application has answered a request."""
    async with application.handling(get(method)):
        talk = await application.taken()
        await talk.head()
        talk.say(said)
    return talk


async def test_a_connection_is_used_again(application: Scripted) -> None:
    talk = await served(application)
    async with application.handling(get()):
        await talk.head()
        talk.say(EMPTY)
    assert application.talks.empty()


@pytest.mark.parametrize(
    "said",
    [
        OK + b"connection: close\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        OK + b"keep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n",
        EMPTY + b"and more",
    ],
)
async def test_a_connection_is_not_used_again(application: Scripted, said: bytes) -> None:
    talk = await served(application, said)
    assert await talk.gone() == b""


async def test_an_idle_connection_is_closed_a_second_before_the_application_would(
    application: Scripted,
) -> None:
    loop = asyncio.get_running_loop()
    fields = b"Keep-Alive: timeout=2, max=9\r\ncontent-length: 0\r\n"
    talk = await served(application, OK + fields + b"\r\n")
    since = loop.time()
    assert await talk.gone() == b""
    assert 0.9 < loop.time() - since < 1.9


async def test_what_nobody_has_asked_for_closes_an_idle_connection(application: Scripted) -> None:
    talk = await served(application)
    talk.say(EMPTY)
    assert await talk.gone() == b""
    async with application.handling(get()):
        fresh = await application.taken()
        await fresh.head()
        fresh.say(EMPTY)


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
async def test_what_may_not_be_repeated_gets_a_connection_of_its_own(
    application: Scripted, method: str
) -> None:
    await served(application)
    fresh = await served(application, method=method)
    async with application.handling(get()):
        await fresh.head()  # it is the newest, and can be used again
        fresh.say(EMPTY)


async def test_a_body_in_pieces_gets_a_connection_of_its_own(application: Scripted) -> None:
    await served(application)
    exchange = FakeExchange("PUT", headers=[(b"host", b"a")], body=None)
    async with application.handling(exchange):
        fresh = await application.taken()
        await fresh.head()
        exchange.body.finish()
        fresh.say(EMPTY)


async def test_a_stale_connection_costs_nothing(application: Scripted) -> None:
    talk = await served(application)
    exchange = get("PUT")
    async with application.handling(exchange):
        await talk.head()
        talk.writer.transport.abort()  # it came too late
        fresh = await application.taken()
        await fresh.head()
        fresh.say(EMPTY)
    assert exchange.status == 200


async def test_it_is_repeated_once(application: Scripted) -> None:
    talk = await served(application)
    exchange = get()
    async with application.handling(exchange):
        await talk.head()
        talk.writer.transport.abort()
        fresh = await application.taken()
        await fresh.head()
        fresh.writer.transport.abort()
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR


async def test_what_has_begun_is_not_repeated(application: Scripted) -> None:
    talk = await served(application)
    exchange = get()
    async with application.handling(exchange):
        await talk.head()
        talk.say(b"HTTP/1.1 2")
        talk.close()
    assert exchange.aborted is not None
    assert application.talks.empty()


class Refusing(FakeExchange):
    """Takes no answer."""

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        raise ClientDisconnected


async def test_an_answer_that_nobody_takes_is_not_in_the_way_of_the_next(
    application: Scripted,
) -> None:
    async with application.handling(Refusing("GET", headers=[(b"host", b"a")])):
        talk = await application.taken()
        await talk.head()
        talk.say(EMPTY)
    assert application.upstream.idle() is None


async def test_what_may_have_been_seen_is_not_given_back(application: Scripted) -> None:
    """REFUSED promises that the application has seen nothing (proto/README.md, section 4.7)."""
    talk = await served(application)
    application.deaf()
    exchange = get()
    async with application.handling(exchange):
        await talk.head()
        talk.writer.transport.abort()
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR
    assert "takes no connection" in exchange.aborted[1]
