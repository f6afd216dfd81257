"""Real frameworks behind the adapters, unchanged."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import pytest

from prack_wire.websocket_events import CLOSE, MAX_EVENT, TEXT, Decoder, close_data, encode
from prack_worker.asgi.application import AsgiApplication
from prack_worker.testing import FakeExchange
from prack_worker.wsgi.application import WsgiApplication

FORM = [(b"content-type", b"application/x-www-form-urlencoded"), (b"content-length", b"7")]


async def wsgi(app: Any, exchange: FakeExchange) -> FakeExchange:
    application = WsgiApplication(app, threads=1)
    async with application.running():
        await asyncio.wait_for(application.handle(exchange), 5)
    return exchange


async def asgi(app: Any, exchange: FakeExchange) -> FakeExchange:
    application = AsgiApplication(app)
    async with application.running():
        await asyncio.wait_for(application.handle(exchange), 5)
    return exchange


@pytest.fixture
def flask() -> Any:
    pytest.importorskip("flask")
    import flask

    app = flask.Flask("app")

    @app.post("/form/<name>")
    def form(name: str) -> Any:
        response = flask.make_response(f"{name} {flask.request.form['a']}")
        response.set_cookie("x", "1")
        response.set_cookie("y", "2")
        return response

    @app.get("/stream")
    def stream() -> Any:
        return flask.Response(piece for piece in (b"a", b"b"))

    return app


async def test_flask_reads_a_form_in_one_event(flask: Any) -> None:
    exchange = await wsgi(flask, FakeExchange("POST", b"/form/caf%C3%A9", FORM, b"a=hello"))
    assert exchange.content.decode() == "café hello"
    assert exchange.sends == 1
    assert [name for name, _ in exchange.headers].count(b"set-cookie") == 2


async def test_flask_reads_a_form_that_comes_bit_by_bit(flask: Any) -> None:
    exchange = FakeExchange("POST", b"/form/x", FORM, None)
    task = asyncio.create_task(wsgi(flask, exchange))
    for byte in b"a=hello":
        await asyncio.sleep(0)
        exchange.body.feed(bytes([byte]))
    exchange.body.finish()
    assert (await task).content == b"x hello"


async def test_flask_streams(flask: Any) -> None:
    assert (await wsgi(flask, FakeExchange(target=b"/stream"))).pieces == [b"a", b"b"]


async def test_django_in_threads_and_on_the_loop() -> None:
    pytest.importorskip("django")
    from django.conf import settings
    from django.core.handlers.asgi import ASGIHandler
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    def view(request: Any) -> Any:
        return HttpResponse(f"{request.path} {request.POST.get('a')} {request.scheme}")

    if not settings.configured:
        settings.configure()
    settings.ROOT_URLCONF = (path("x/", view),)
    settings.ALLOWED_HOSTS = ["*"]
    for run, handler in ((wsgi, WSGIHandler()), (asgi, ASGIHandler())):
        headers = [*FORM, (b"host", b"example.com")]
        exchange = await run(handler, FakeExchange("POST", b"/x/", headers, b"a=hello"))
        assert exchange.content == b"/x/ hello http"


async def test_fastapi_with_a_lifespan_and_a_stream() -> None:
    pytest.importorskip("fastapi")
    import fastapi
    from fastapi.responses import StreamingResponse

    @asynccontextmanager
    async def lifespan(app: Any) -> Any:
        yield {"greeting": "hello"}

    app = fastapi.FastAPI(lifespan=lifespan)

    @app.get("/stream")
    async def stream(request: fastapi.Request) -> Any:
        async def pieces() -> Any:
            yield request.state.greeting
            yield str(request.url)

        return StreamingResponse(pieces())

    exchange = FakeExchange(target=b"/stream?q", headers=[(b"host", b"example.com")])
    assert (await asgi(app, exchange)).pieces == [b"hello", b"http://example.com/stream?q"]


async def sockets(app: Any, target: bytes, *events: bytes) -> FakeExchange:
    """Open a WebSocket and say something, then close it."""
    headers = [(b"host", b"example.com"), (b"sec-websocket-protocol", b"v1,v2")]
    exchange = FakeExchange(target=target, headers=headers, body=None, websocket=True)
    for event in (*events, encode(CLOSE, close_data(1001))):
        exchange.body.feed(event)
    return await asgi(app, exchange)


@pytest.fixture
def chat() -> Any:
    pytest.importorskip("fastapi")
    import fastapi

    app = fastapi.FastAPI()
    app.state.left = []

    @app.websocket("/rooms/{room}")
    async def join(socket: fastapi.WebSocket, room: str) -> None:
        await socket.accept(subprotocol="v2")
        try:
            while True:
                message = await socket.receive_json()
                await socket.send_json({"room": room, **message})
        except fastapi.WebSocketDisconnect as error:
            app.state.left.append(error.code)

    @app.websocket("/refused")
    async def refuse(socket: fastapi.WebSocket) -> None:
        raise fastapi.HTTPException(401)

    @app.websocket("/policy")
    async def policy(socket: fastapi.WebSocket) -> None:
        await socket.accept()
        raise fastapi.WebSocketException(1008, "not you")

    return app


async def test_a_fastapi_chat(chat: Any) -> None:
    exchange = await sockets(chat, b"/rooms/7", encode(TEXT, b'{"say":"hello"}'))
    assert exchange.status == 101
    assert exchange.headers == [(b"sec-websocket-protocol", b"v2")]
    assert Decoder(MAX_EVENT).feed(exchange.content) == [
        (TEXT, b'{"room":"7","say":"hello"}'),
        (CLOSE, close_data(1001)),
    ]
    assert chat.state.left == [1001]


@pytest.mark.parametrize(("target", "status"), [(b"/nowhere", 403), (b"/refused", 401)])
async def test_fastapi_refuses_a_websocket(chat: Any, target: bytes, status: int) -> None:
    exchange = FakeExchange(target=target, body=None, websocket=True)
    assert (await asgi(chat, exchange)).status == status


async def test_fastapi_closes_with_a_code(chat: Any) -> None:
    exchange = await asgi(chat, FakeExchange(target=b"/policy", body=None, websocket=True))
    assert Decoder(MAX_EVENT).feed(exchange.content) == [(CLOSE, close_data(1008, "not you"))]


async def test_a_starlette_endpoint() -> None:
    pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.endpoints import WebSocketEndpoint
    from starlette.routing import WebSocketRoute

    class Echo(WebSocketEndpoint):
        encoding = "text"

        async def on_receive(self, websocket: Any, data: str) -> None:
            await websocket.send_text(f"{websocket.url} {data}")

    app = Starlette(routes=[WebSocketRoute("/echo", Echo)])
    exchange = await sockets(app, b"/echo?q=1", encode(TEXT, b"hello"))
    assert Decoder(MAX_EVENT).feed(exchange.content) == [
        (TEXT, b"ws://example.com/echo?q=1 hello"),
        (CLOSE, close_data(1001)),
    ]
