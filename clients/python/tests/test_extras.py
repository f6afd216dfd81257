"""Early hints, trailers and `100 Continue` (proto/README.md, sections 4.9 to 4.11)."""

import asyncio
from typing import Any

import pytest
from fake_gateway import FakeGateway
from serving import serving

from prack.v1 import worker_pb2 as pb
from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import ResponseRefused
from prack_worker.exchange import Exchange
from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication

START = {"type": "http.response.start", "status": 200}
BODY = {"type": "http.response.body", "body": b"x"}
HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>"]}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"Digest", b"1")]}
LINKS = [(b"link", b"</a.css>; rel=preload"), (b"link", b"</b.js>")]
WINDOW = pb.Window(id=1, max_offset=512 * 1024)


def sends(*messages: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    return app


async def test_early_hints_go_before_the_head() -> None:
    exchange = FakeExchange()
    await AsgiApplication(sends(HINT, HINT, START, BODY)).handle(exchange)
    assert exchange.hints == [(103, LINKS)] * 2
    assert (exchange.status, exchange.content) == (200, b"x")


async def test_trailers_end_the_response() -> None:
    first = TRAILERS | {"more_trailers": True}
    last = {"type": "http.response.trailers", "headers": [(b"x", b"2")]}
    exchange = FakeExchange()
    app = sends(START | {"trailers": True}, BODY, first, last)
    await AsgiApplication(app).handle(exchange)
    assert exchange.trailers == [(b"Digest", b"1"), (b"x", b"2")]
    assert exchange.ended
    assert exchange.aborted is None


async def test_trailers_that_do_not_come_cut_the_response() -> None:
    exchange = FakeExchange()
    await AsgiApplication(sends(START | {"trailers": True}, BODY)).handle(exchange)
    assert exchange.aborted is not None


@pytest.mark.parametrize("messages", [[START, HINT], [START, TRAILERS], [START, BODY, TRAILERS]])
async def test_messages_out_of_order_are_the_applications_error(messages: list[Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await sends(*messages[:-1])(scope, receive, send)
        with pytest.raises(RuntimeError, match="does not come next"):
            await send(messages[-1])

    await AsgiApplication(app).handle(FakeExchange())


async def test_hints_and_trailers_on_the_wire(gateway: FakeGateway) -> None:
    app = AsgiApplication(sends(HINT, START | {"trailers": True}, BODY, TRAILERS))
    async with serving(gateway.transport(), app.handle):
        stream = await gateway.welcomed()
        number = await stream.request()
        links = [part for field in LINKS for part in field]
        assert await stream.frame() == pb.WorkerFrame(
            heads=[
                pb.ResponseHead(id=number, status=103, headers=links),
                pb.ResponseHead(id=number, status=200, body=b"x"),
            ],
            finishes=[pb.Finish(id=number, trailers=[b"digest", b"1"])],
        )


async def test_empty_trailers_leave_a_small_response_one_event(gateway: FakeGateway) -> None:
    trailers = {"type": "http.response.trailers"}
    app = AsgiApplication(sends(START | {"trailers": True}, BODY, trailers))
    async with serving(gateway.transport(), app.handle):
        stream = await gateway.welcomed()
        number = await stream.request()
        head = pb.ResponseHead(id=number, status=200, body=b"x", end=True)
        assert await stream.frame() == pb.WorkerFrame(heads=[head])


async def test_trailers_are_as_small_as_a_head(gateway: FakeGateway) -> None:
    refused = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(200, [])
        with pytest.raises(ResponseRefused, match="the trailers are larger than 65536 bytes"):
            await exchange.send_trailers([(b"x", b"y" * 70_000)])
        refused.set()

    async with serving(gateway.transport(), handler):
        await (await gateway.welcomed()).request()
        await refused.wait()


async def asgi_reader(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    await sends(START, {"type": "http.response.body", "body": body})(scope, receive, send)


def wsgi_reader(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
async def test_the_first_read_asks_for_the_body(gateway: FakeGateway, interface: str) -> None:
    app: Any = (
        AsgiApplication(asgi_reader)
        if interface == "asgi"
        else WsgiApplication(wsgi_reader, threads=1)
    )
    async with serving(gateway.transport(), app.handle):
        stream = await gateway.welcomed()
        number = await stream.request(end=False, expect_continue=True, body_length=3)
        assert await stream.frame() == pb.WorkerFrame(windows=[WINDOW])
        await stream.send(data=[pb.Data(id=number, data=b"abc")], finishes=[pb.Finish(id=number)])
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].body == b"abc"


async def test_an_answer_without_reading_asks_for_nothing(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), AsgiApplication(sends(START, BODY)).handle):
        stream = await gateway.welcomed()
        number = await stream.request(end=False, expect_continue=True)
        head = pb.ResponseHead(id=number, status=200, body=b"x", end=True)
        assert await stream.frame() == pb.WorkerFrame(heads=[head])


async def test_a_client_that_does_not_wait_is_asked_for_nothing(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), AsgiApplication(asgi_reader).handle):
        stream = await gateway.welcomed()
        number = await stream.request(end=False)
        await stream.send(data=[pb.Data(id=number, data=b"abc")])
        frame = await stream.frame()
        assert frame is not None
        assert not frame.windows
