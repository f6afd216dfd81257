"""Responses that are sent as they come, over the REST worker API and a real socket."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvloop
from fake_rest import FakeRest, Incoming, entry
from serving import Handler, connected

from prack_worker.errors import ClientDisconnected
from prack_worker.exchange import Exchange
from prack_worker.loops.link import link
from prack_worker.rest.exchange import MAX_WHOLE
from prack_worker.rest.upload import begin, request

HEAD = b"HTTP/1.1 200 \r\nx: 1\r\nx: \xe9\r\n\r\n"
HEADERS = [(b"x", b"1"), (b"x", b"\xe9")]
SOON: dict[str, Any] = {"prack.deadline_ms": 400}
# More than sockets hold.
FLOOD = 64 * 1024 * 1024


def pieces(*parts: bytes) -> tuple[Handler, asyncio.Semaphore]:
    """Sends a head, and a part each time that the other is released; then the end."""
    released = asyncio.Semaphore(0)

    async def handle(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS)
        for part in parts:
            await released.acquire()
            await exchange.send_body(part)
        await released.acquire()
        await exchange.send_body(b"", end=True)

    return handle, released


async def silent(exchange: Exchange) -> None:
    await exchange.send_head(200, HEADERS)
    await exchange.wait_over()


async def begun(rest: FakeRest) -> Incoming:
    """The message for a new request, after its head."""
    (await rest.poll()).answer(requests=[entry("a")])
    message = await rest.message()
    assert message.path == "/requests/a/response"
    assert await message.chunk() == HEAD
    return message


async def told(message: Incoming) -> None:
    """Reply in the middle of this; returns when the worker has heard it."""
    message.answer()
    await message.left.wait()
    await link().do(asyncio.sleep(0))  # behind the reply


async def test_a_large_response_is_a_message_that_says_its_length(rest: FakeRest) -> None:
    body = bytes(range(256)) * 1000

    async def large(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS, body, end=True)

    async with connected(rest, large, slots=1):
        (await rest.poll()).answer(requests=[entry("a")])
        message = await rest.message()
        assert await message.all() == HEAD + body
        message.answer()
        await rest.poll()  # the slot is free again


async def test_what_fits_is_delivered_with_others(rest: FakeRest) -> None:
    async def fits(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        await exchange.send_body(bytes(MAX_WHOLE - 1))
        await exchange.send_body(b"x", end=True)

    async with connected(rest, fits):
        (await rest.poll()).answer(requests=[entry("a"), entry("b")])
        assert [one["identifier"] for one in (await rest.post()).accept()] == ["a", "b"]


async def test_each_piece_arrives_before_the_next_is_sent(rest: FakeRest) -> None:
    handler, released = pieces(b"one", b"two")
    async with connected(rest, handler, slots=1):
        message = await begun(rest)
        for part in (b"one", b"two", b""):
            released.release()
            assert await message.chunk() == part
        message.answer()
        await rest.poll()


async def test_the_application_is_no_further_than_the_gateway(rest: FakeRest) -> None:
    blocked = asyncio.Event()

    async def all_of_it(exchange: Exchange) -> None:
        while exchange.size < FLOOD:
            await exchange.send_body(bytes(MAX_WHOLE + 1))

    async def flood(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(all_of_it(exchange), 0.5)
        blocked.set()

    async with connected(rest, flood):
        message = await begun(rest)
        await blocked.wait()
        (await rest.post()).answer()  # that the handler did not finish
        message.cut()


@pytest.mark.parametrize("status", [410, 409])
async def test_the_application_hears_that_nobody_waits(rest: FakeRest, status: int) -> None:
    heard = asyncio.Event()

    async def endless(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS)
        try:
            while True:
                await exchange.send_body(bytes(MAX_WHOLE))
        except ClientDisconnected:
            heard.set()
            raise

    async with connected(rest, endless, slots=1):
        (await begun(rest)).answer(status, code="gone")
        await heard.wait()
        await rest.poll()


async def test_a_slot_is_free_when_the_end_comes_after_the_reply(rest: FakeRest) -> None:
    """A gateway has the answer to HEAD at its head; the application may go on."""
    handler, released = pieces(b"of no use")
    async with connected(rest, handler, slots=1):
        await told(await begun(rest))
        assert rest.polled == 2  # a slot is the application's as long as it goes on
        released.release()
        released.release()
        await rest.poll()


async def test_an_application_that_never_ends_hears_when_the_lease_is_over(rest: FakeRest) -> None:
    async with connected(rest, silent, slots=1):
        (await rest.poll()).answer(requests=[entry("a", **SOON)])
        message = await rest.message()
        assert await message.chunk() == HEAD
        await told(message)
        await rest.poll()


async def test_a_handler_that_fails_after_the_reply_leaves_its_slot(rest: FakeRest) -> None:
    proceed = asyncio.Event()

    async def failing(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS)
        await proceed.wait()
        raise RuntimeError("nobody waits for the rest")

    async with connected(rest, failing, slots=1):
        await told(await begun(rest))
        proceed.set()
        (await rest.post()).answer(410, code="gone")
        await rest.poll()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_comes_after_the_reply_is_dropped(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def late() -> None:
        async with FakeRest.running() as rest:
            address = rest.url.removeprefix("http://")
            upload = await begin(address, None, "", request("a", address, None, HEAD, -1), -1)
            (await rest.message()).answer()
            assert (await upload.replied()).status == 200
            await upload.send(b"more")
            upload.finish()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(late())


async def test_an_application_that_only_waits_hears_it_too(rest: FakeRest) -> None:
    async with connected(rest, silent, slots=1):
        (await begun(rest)).answer(410, code="gone")
        await rest.poll()


async def test_a_failure_in_the_middle_is_reported(rest: FakeRest) -> None:
    async def failing(exchange: Exchange) -> None:
        await exchange.send_head(200, HEADERS)
        await exchange.send_body(bytes(MAX_WHOLE + 1))
        raise RuntimeError("in the body")

    async with connected(rest, failing, slots=1):
        message = await begun(rest)
        call = await rest.post()
        assert (call.path, call.content["code"]) == ("/requests/a/error", "handler_error")
        call.answer()
        message.answer(410, code="gone")
        await rest.poll()


@pytest.mark.parametrize(
    ("status", "said"), [(422, "gateway rejected the response"), (408, "408"), (0, "broke")]
)
async def test_a_response_that_did_not_arrive_is_logged(
    rest: FakeRest, caplog: pytest.LogCaptureFixture, status: int, said: str
) -> None:
    async with connected(rest, silent, slots=1):
        message = await begun(rest)
        if status:
            message.answer(status, code="x")
        else:
            message.cut()
        await rest.poll()
    assert said in caplog.text


async def test_a_field_with_a_line_break_is_no_head(rest: FakeRest) -> None:
    async def injected(exchange: Exchange) -> None:
        await exchange.send_head(200, [(b"x", b"1\r\nset-cookie: a=b")])
        await exchange.send_body(bytes(MAX_WHOLE + 1))

    async with connected(rest, injected):
        (await rest.poll()).answer(requests=[entry("a")])
        call = await rest.post()
        assert (call.path, call.content["code"]) == ("/requests/a/error", "handler_error")
        assert "not a valid header field" in call.content["message"]
        call.answer()


async def test_a_response_that_has_begun_is_extended_no_more(rest: FakeRest) -> None:
    handler, released = pieces()
    async with connected(rest, handler, slots=1):
        (await rest.poll()).answer(requests=[entry("a", **SOON)])
        message = await rest.message()
        async with asyncio.timeout(20):
            assert await message.chunk() == HEAD
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await rest.post()
        released.release()
        assert await message.chunk() == b""
        message.answer()
        await rest.poll()
