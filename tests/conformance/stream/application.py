"""The application of docs/conformance.md, written against the small worker."""

import asyncio
from collections.abc import Awaitable, Callable

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from prack.v1 import worker_pb2 as pb
from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, Decoder, close_data, encode
from tests.conformance.stream.worker import Exchange, Fields

PLAIN: Fields = [(b"content-type", b"text/plain")]
SPECIAL: Fields = [
    (b"X-Mixed-Case", b"kept"),
    (b"set-cookie", b"a=1"),
    (b"set-cookie", b"b=2"),
    (b"x-obs-text", b"caf\xe9"),
    (b"x-empty", b""),
]
LINK: Fields = [(b"link", b"</style.css>; rel=preload")]


async def serve(exchange: Exchange) -> None:
    """Answer one request."""
    path = exchange.request.target.decode("latin-1").partition("?")[0]
    if exchange.request.upgrade == pb.UPGRADE_WEBSOCKET:
        await websocket(exchange, path)
        return
    if exchange.request.upgrade == pb.UPGRADE_TUNNEL:
        await tunnel(exchange, path)
        return
    _, name, *rest = path.split("/", 2)
    if name in SMALL:
        exchange.reply(*SMALL[name])
    elif name in ROUTES:
        await ROUTES[name](exchange, *rest)
    else:
        exchange.reply(404, PLAIN, b"no such route\n")


SMALL: dict[str, tuple[int, Fields, bytes]] = {
    "hello": (200, [*PLAIN, (b"content-length", b"6")], b"Hello\n"),
    "headers": (200, SPECIAL, b"headers\n"),
    "early": (403, PLAIN, b"not wanted\n"),
}


async def echo(exchange: Exchange) -> None:
    """The body, as it comes."""
    exchange.head(200, PLAIN)
    while piece := await exchange.read():
        await exchange.write(piece)
    exchange.finish()


async def sink(exchange: Exchange) -> None:
    """The size of the body."""
    size = 0
    while piece := await exchange.read():
        size += len(piece)
    exchange.reply(200, PLAIN, b"%d\n" % size)


async def request(exchange: Exchange, _: str) -> None:
    """The request."""
    asked = exchange.request
    flat = asked.headers
    lines = [b"%b: %b" % pair for pair in zip(flat[::2], flat[1::2], strict=True)]
    body = b"\n".join([asked.method + b" " + asked.target, *lines, b""])
    exchange.reply(200, PLAIN, body)


async def status(exchange: Exchange, code: str) -> None:
    """A status without a body."""
    exchange.reply(int(code), [], b"")


async def stream(exchange: Exchange) -> None:
    """Three pieces."""
    exchange.head(200, PLAIN)
    for piece in (b"one\n", b"two\n"):
        await exchange.write(piece)
        await asyncio.sleep(0.4)
    await exchange.write(b"three\n")
    exchange.finish()


async def big(exchange: Exchange) -> None:
    """Two million zero bytes."""
    exchange.head(200, PLAIN)
    await exchange.write(bytes(2_000_000))
    exchange.finish()


async def slow(exchange: Exchange, milliseconds: str) -> None:
    """After a while."""
    await asyncio.sleep(int(milliseconds) / 1000)
    exchange.reply(200, PLAIN, b"slow\n")


async def fail(exchange: Exchange) -> None:
    """An error."""
    raise RuntimeError


async def fail_late(exchange: Exchange) -> None:
    """An error within the response."""
    exchange.head(200, PLAIN)
    await exchange.write(b"part")
    raise RuntimeError


async def trailers(exchange: Exchange) -> None:
    """A trailer field."""
    exchange.head(200, PLAIN)
    await exchange.write(b"body\n")
    exchange.finish([(b"x-checksum", b"42")])


async def hints(exchange: Exchange) -> None:
    """An early hint."""
    exchange.head(103, LINK)
    exchange.reply(200, PLAIN, b"hinted\n")


ROUTES: dict[str, Callable[..., Awaitable[None]]] = {
    "echo": echo,
    "sink": sink,
    "request": request,
    "status": status,
    "stream": stream,
    "big": big,
    "slow": slow,
    "fail": fail,
    "fail-late": fail_late,
    "trailers": trailers,
    "hints": hints,
}


async def websocket(exchange: Exchange, path: str) -> None:
    """Echo until "bye"."""
    if path != "/ws":
        exchange.reply(403, PLAIN, b"")
        return
    flat = exchange.request.headers
    offered = dict(zip(flat[::2], flat[1::2], strict=True)).get(b"sec-websocket-protocol", b"")
    chosen = [(b"sec-websocket-protocol", b"kit")] if b"kit" in offered else []
    exchange.head(101, chosen)
    decoder = Decoder(MAX_EVENT)
    while piece := await exchange.read():
        for name, data in decoder.feed(piece):
            if (name, data) == (TEXT, b"bye"):
                await exchange.write(encode(CLOSE, close_data(4000, "done")))
                exchange.finish()
                return
            if name in (TEXT, BINARY, CLOSE):
                await exchange.write(encode(name, data))
    exchange.finish()


async def tunnel(exchange: Exchange, path: str) -> None:
    """Echo, in frames of RFC 6455."""
    if path != "/ws":
        exchange.reply(403, PLAIN, b"")
        return
    library = ServerProtocol()
    exchange.head(101, handshake(library, exchange.request))
    while piece := await exchange.read():
        library.receive_data(piece)
        for frame in library.events_received():
            if isinstance(frame, Frame) and frame.opcode is Opcode.TEXT:
                library.send_text(frame.data)
            elif isinstance(frame, Frame) and frame.opcode is Opcode.BINARY:
                library.send_binary(frame.data)
        for data in library.data_to_send():
            await exchange.write(data)
    exchange.finish()


def handshake(library: ServerProtocol, request: pb.Request) -> Fields:
    """The library's answer to the client's fields."""
    flat = request.headers
    lines = [b"%b: %b\r\n" % pair for pair in zip(flat[::2], flat[1::2], strict=True)]
    library.receive_data(b"GET %b HTTP/1.1\r\n%b\r\n" % (request.target, b"".join(lines)))
    (asked,) = library.events_received()
    assert isinstance(asked, Request)
    response = library.accept(asked)
    library.send_response(response)
    library.data_to_send()  # the response as HTTP
    return [
        (name.lower().encode(), value.encode())
        for name, value in response.headers.raw_items()
        if name.lower().startswith("sec-websocket-")
    ]
