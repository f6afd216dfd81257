"""How the pieces of a request body are passed on."""

import asyncio
from typing import Any

import pytest

from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.http.transaction import COLLECTED, LARGE, Response, Transaction
from tests.support.transport import KeptTransport


class Owner:
    """Implements `transaction.Owner` and `transaction.Asker`."""

    def __init__(self) -> None:
        self.cut = False

    def unfinished(self) -> None:
        """See Owner."""
        self.cut = True

    def answered(self) -> None:
        """See Asker."""


class Scene:
    """A transaction without a connection."""

    def __init__(self) -> None:
        self.transport = KeptTransport()
        self.flow = Flow(self.transport, "")
        self.owner = Owner()
        response = Response(self.owner, self.transport, "POST", old=False, keep_alive=True)
        scope = {"type": "http", "method": "POST", "http_version": "1.1"}
        self.transaction = Transaction(self.owner, scope, self.flow, response)

    async def messages(self, count: int) -> list[Any]:
        """So many events."""
        return [await self.transaction.receive() for _ in range(count)]


async def test_a_large_piece_is_passed_on_as_it_came() -> None:
    scene, piece = Scene(), bytes(LARGE)
    scene.transaction.take(piece)
    scene.transaction.take(piece)
    first, second = await scene.messages(2)
    assert first["body"] is second["body"] is piece
    assert all(message["more_body"] for message in (first, second))


async def test_small_pieces_are_collected() -> None:
    scene = Scene()
    for _ in range(3):
        scene.transaction.take(b"ab")
    assert (await scene.transaction.receive())["body"] == b"ababab"


async def test_what_is_collected_stays_small_and_in_order() -> None:
    scene = Scene()
    sent: list[bytes] = []
    got: list[bytes] = []
    for number in range(64):
        sent.append(bytes([number]) * (LARGE - number % 3))
        scene.transaction.take(sent[-1])
    while len(b"".join(got)) < len(b"".join(sent)):
        got.append((await scene.transaction.receive())["body"])
    assert b"".join(got) == b"".join(sent)
    assert max(map(len, got)) <= COLLECTED


async def test_the_last_piece_says_so_and_then_only_the_client_is_waited_for() -> None:
    scene = Scene()
    scene.transaction.take(bytes(LARGE))
    scene.transaction.take(b"end")
    scene.transaction.end()
    first, last = await scene.messages(2)
    assert (first["more_body"], last["more_body"]) == (True, False)
    waiting = asyncio.ensure_future(scene.transaction.receive())
    await asyncio.sleep(0)
    assert not waiting.done()
    scene.transaction.disconnect()
    assert (await waiting)["type"] == "http.disconnect"


async def test_a_client_that_left_is_no_piece_of_body() -> None:
    scene = Scene()
    scene.transaction.take(b"left behind")
    scene.transaction.disconnect()
    assert (await scene.transaction.receive())["type"] == "http.disconnect"


async def test_the_client_is_read_again_once_its_pieces_were_passed_on() -> None:
    scene = Scene()
    for _ in range(3):
        scene.transaction.take(bytes(COLLECTED))
    assert scene.transport.pauses == 1
    await scene.messages(3)
    assert scene.transport.resumes == 0
    waiting = asyncio.ensure_future(scene.transaction.receive())
    await asyncio.sleep(0)
    assert scene.transport.resumes == 1
    scene.transaction.end()
    assert (await waiting)["body"] == b""


async def test_a_body_is_received_though_it_was_looked_at() -> None:
    scene = Scene()
    scene.transaction.take(b"whole")
    scene.transaction.end()
    assert scene.transaction.peek() == b"whole"
    assert await scene.transaction.receive() == {
        "type": "http.request",
        "body": b"whole",
        "more_body": False,
    }


async def test_the_end_of_an_empty_body_is_received() -> None:
    scene = Scene()
    scene.transaction.end()
    assert not (await scene.transaction.receive())["more_body"]


@pytest.mark.parametrize("close", [b"close", b"Close"])
def test_a_field_that_asks_for_the_end_makes_the_response_the_last(close: bytes) -> None:
    scene = Scene()
    response = scene.transaction.response
    response.respond(200, [(b"connection", close), (b"date", b"now"), (b"x-a", b"1")], b"")
    assert scene.transport.written == [
        b"HTTP/1.1 200 OK\r\ndate: now\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n"
        b"connection: close\r\n\r\n0\r\n\r\n"
    ]
    assert not response.keep_alive


def test_other_options_of_a_connection_are_written_as_they_are() -> None:
    scene = Scene()
    response = scene.transaction.response
    fields = [(b"connection", b"upgrade"), (b"date", b"now"), (b"content-length", b"1")]
    response.respond(200, fields, b"x")
    assert scene.transport.written == [
        b"HTTP/1.1 200 OK\r\nconnection: upgrade\r\ndate: now\r\ncontent-length: 1\r\n\r\nx"
    ]
    assert response.keep_alive


@pytest.mark.parametrize("closed", [False, True])
async def test_nothing_is_written_once_somebody_has_closed_the_connection(closed: bool) -> None:
    """Such as a server that stops while the application of another task answers."""
    scene = Scene()
    scene.transport.closing = closed

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok", "more_body": True})

    await scene.transaction.run(app)
    assert bool(scene.transport.written) is not closed
    assert scene.owner.cut is not closed
