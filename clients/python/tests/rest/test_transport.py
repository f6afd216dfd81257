"""Exchanges over the REST worker API (docs/rest.md), against a real socket."""

import asyncio
import base64
from typing import Any

import pytest
from fake_rest import FakeRest, entry
from serving import App, connected, serving

from prack_worker.errors import GatewayRefused
from prack_worker.exchange import AbortCode, CancelReason, Exchange
from prack_worker.transport import Route
from prack_worker.worker import Worker

SOON: dict[str, Any] = {"prack.deadline_ms": 40}


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [(b"x", b"1"), (b"x", b"\xe9")])
    await exchange.send_body(b"hel")
    await exchange.send_body(b"lo", end=True)


async def test_a_poll_says_who_asks_and_for_how_much(rest: FakeRest) -> None:
    transport = rest.transport(
        "secret", service="web", version="7", routes=(Route(path="/a"),), tier=2
    )
    async with serving(transport, hello, slots=50):
        first = await rest.poll()
        assert first.query == [
            ("max", "32"),
            ("wait", "0"),
            ("worker", "w1"),
            ("service", "web"),
            ("version", "7"),
            ("tier", "2"),
            ("lease", "20"),
            ("route", "*/a"),
        ]
        assert first.headers["authorization"] == "Bearer secret"
        first.answer(requests=[])
        assert ("wait", "5.0") in (await rest.poll()).query


async def test_the_request_arrives_as_it_was_sent(rest: FakeRest) -> None:
    seen: asyncio.Queue[tuple[Exchange, bytes | None]] = asyncio.Queue()

    async def keep(exchange: Exchange) -> None:
        seen.put_nowait((exchange, exchange.body.complete()))

    async with connected(rest, keep):
        headers = [["host", "shop"], ["x", "1"], ["x", "\xe9"]]
        request = entry(body=b"\x00abc", **{"prack.target": "/a%2fb?q=%20"})
        request["environment"]["prack.headers"] = headers
        (await rest.poll()).answer(requests=[request])
        exchange, body = await seen.get()
        assert body == b"\x00abc"
        assert exchange.request.target == b"/a%2fb?q=%20"
        assert exchange.request.authority == "shop"
        assert exchange.request.headers == [(b"host", b"shop"), (b"x", b"1"), (b"x", b"\xe9")]
        assert exchange.request.client == ("192.0.2.7", 0)
        (await rest.post()).answer()  # that the handler answered nothing


async def test_answers_are_sent_in_one_call(rest: FakeRest) -> None:
    async with connected(rest, hello):
        (await rest.poll()).answer(requests=[entry("a"), entry("b")])
        answers = (await rest.post()).accept()
        body = base64.b64encode(b"hello").decode()
        head = {"code": 200, "headers": [["x", "1"], ["x", "\xe9"]], "body": body}
        assert answers == [{"identifier": "a"} | head, {"identifier": "b"} | head]


async def test_no_more_is_polled_for_than_there_are_free_slots(rest: FakeRest) -> None:
    release = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await release.wait()
        await hello(exchange)

    async with connected(rest, slow, slots=2):
        (await rest.poll()).answer(requests=[entry("a")])
        second = await rest.poll()
        assert ("max", "1") in second.query
        release.set()
        (await rest.post()).accept()
        second.answer(requests=[])
        while ("max", "2") not in (third := await rest.poll()).query:
            third.answer(requests=[])


async def test_an_answer_is_delivered_again_until_it_arrives(rest: FakeRest) -> None:
    async with connected(rest, hello):
        (await rest.poll()).answer(requests=[entry("a")])
        (await rest.post()).answer(status=503, detail="busy")
        assert (await rest.post()).accept()[0]["identifier"] == "a"


async def test_a_failed_handler_is_reported(rest: FakeRest) -> None:
    async def failing(exchange: Exchange) -> None:
        exchange.abort(AbortCode.TIMED_OUT, "too slow")

    async with connected(rest, failing):
        (await rest.poll()).answer(requests=[entry("a")])
        call = await rest.post()
        assert call.path == "/requests/a/error"
        assert call.content == {"code": "timed_out", "message": "too slow"}
        call.answer()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [(-1, [], b""), (200.0, [], b""), (200, [(b"x", "1")], b""), (200, [], "text")],
)
async def test_an_answer_that_cannot_be_sent_is_the_handlers_error(
    rest: FakeRest, status: Any, headers: Any, body: Any
) -> None:
    async def odd(exchange: Exchange) -> None:
        await exchange.send_head(status, headers, body, end=True)

    async with connected(rest, odd):
        (await rest.poll()).answer(requests=[entry("a")])
        call = await rest.post()
        assert call.path == "/requests/a/error"
        call.answer()


async def test_other_byte_strings_are_sent_as_bytes(rest: FakeRest) -> None:
    async def odd(exchange: Exchange) -> None:
        headers: Any = [(bytearray(b"x"), memoryview(b"1"))]
        body: Any = bytearray(b"hello")
        await exchange.send_head(200, headers, body, end=True)

    async with connected(rest, odd):
        (await rest.poll()).answer(requests=[entry("a")])
        [answer] = (await rest.post()).accept()
        assert answer["headers"] == [["x", "1"]]
        assert base64.b64decode(answer["body"]) == b"hello"


async def test_a_refused_request_is_given_back(rest: FakeRest) -> None:
    async def refuse(exchange: Exchange) -> None:
        exchange.abort(AbortCode.REFUSED, "")

    async with connected(rest, refuse):
        (await rest.poll()).answer(requests=[entry("a")])
        call = await rest.post()
        assert call.path == "/requests/a/release"
        call.answer()


async def test_long_work_is_extended_until_it_ends(rest: FakeRest) -> None:
    release = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await release.wait()
        await hello(exchange)

    async with connected(rest, slow):
        (await rest.poll()).answer(requests=[entry("a", **SOON)])
        for _ in range(2):
            call = await rest.post()
            assert (call.path, call.content) == ("/requests/a/extend", {"ms": 20_000})
            call.answer(deadline_ms=40)
        release.set()
        while (call := await rest.post()).path != "/response":
            call.answer(deadline_ms=40)
        call.accept()


async def test_an_extension_tells_that_nobody_waits(rest: FakeRest) -> None:
    cancelled: asyncio.Queue[CancelReason | None] = asyncio.Queue()

    async def wait(exchange: Exchange) -> None:
        await exchange.wait_over()
        cancelled.put_nowait(exchange.cancelled)

    async with connected(rest, wait, slots=1):
        (await rest.poll()).answer(requests=[entry("a", **SOON)])
        (await rest.post()).answer(status=410, detail="gone")
        assert await cancelled.get() is CancelReason.DEADLINE
        await rest.poll()  # the slot is free again


async def test_a_drain_waits_for_the_poll_and_for_what_it_brings(rest: FakeRest) -> None:
    worker = Worker(App(hello), rest.transport(), slots=2)
    task = asyncio.create_task(worker.run())
    (await rest.poll()).answer(requests=[])
    parked = await rest.poll()
    worker.drain()
    parked.answer(requests=[entry("a")])
    assert (await rest.post()).accept()[0]["identifier"] == "a"
    await task
    assert {"worker": "w1", "leaving": True} in rest.drains


async def test_a_drain_that_overtakes_the_poll_is_said_again(rest: FakeRest) -> None:
    worker = Worker(App(hello), rest.transport(), slots=2)
    task = asyncio.create_task(worker.run())
    (await rest.poll()).answer(requests=[])
    parked = await rest.poll()
    worker.drain()
    for _ in range(2):
        async with asyncio.timeout(4):  # less than a poll is parked
            await rest.left.acquire()
    parked.answer(requests=[])
    await task


async def test_a_drain_does_not_wait_for_a_slot(rest: FakeRest) -> None:
    exchanges: list[Exchange] = []
    transport = rest.transport()
    connecting = asyncio.create_task(transport.connect(exchanges.append, 1))
    (await rest.poll()).answer(requests=[entry("a")])
    session = await connecting
    await asyncio.wait_for(session.drain(), 20)
    assert rest.drains == []  # there was no poll to end
    await hello(exchanges[0])
    closing = asyncio.create_task(transport.close())
    (await rest.post()).accept()
    await session.close()
    await closing


async def test_what_is_held_survives_a_gateway_that_is_away(
    rest: FakeRest, caplog: pytest.LogCaptureFixture
) -> None:
    release = asyncio.Event()

    async def slow(exchange: Exchange) -> None:
        await release.wait()
        await hello(exchange)

    async with connected(rest, slow):
        (await rest.poll()).answer(requests=[entry("a")])
        (await rest.poll()).answer(status=503, detail="draining")
        (await rest.poll()).answer(requests=[])
        release.set()
        assert (await rest.post()).accept()[0]["identifier"] == "a"
    assert "Lost the gateway: 503: draining" in caplog.text


async def test_a_poll_that_will_never_be_taken_ends_the_worker(rest: FakeRest) -> None:
    task = asyncio.create_task(Worker(App(hello), rest.transport(), slots=1).run())
    (await rest.poll()).answer(status=400, detail="route: no")
    with pytest.raises(GatewayRefused, match="route: no"):
        await task


@pytest.mark.parametrize(
    ("status", "said"), [(401, "rejects this token"), (404, "404"), (500, "500")]
)
async def test_a_gateway_that_cannot_be_used_is_asked_again(
    rest: FakeRest, caplog: pytest.LogCaptureFixture, status: int, said: str
) -> None:
    async with serving(rest.transport(), hello):
        (await rest.poll()).answer(status=status)
        await rest.poll()
    assert said in caplog.text


async def test_a_gateway_that_says_when_is_asked_again_then(rest: FakeRest) -> None:
    loop = asyncio.get_running_loop()
    async with serving(rest.transport(), hello):
        (await rest.poll()).answer(status=429, retry_after=1, detail="too many polls")
        refused = loop.time()
        await rest.poll()
        assert loop.time() - refused > 0.9


async def test_something_else_at_the_address_is_said(
    rest: FakeRest, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(rest.transport(), hello):
        (await rest.poll()).answer(hello="world")
        await rest.poll()
    assert "not a Prack gateway" in caplog.text
