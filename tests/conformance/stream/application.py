"""The application of docs/conformance.md, written against the small worker."""

import asyncio
from collections.abc import Awaitable, Callable

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.app import BIG, PAUSE_SECONDS, PLAIN, SPECIAL, Fields
from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, Decoder, close_data, encode
from tests.conformance.stream.worker import Exchange

LINK: Fields = [(b"link", b"</style.css>; rel=preload")]


async def serve(exchange: Exchange) -> None:
    """Answer one request."""
    path = exchange.request.target.decode("latin-1").partition("?")[0]
    if exchange.request.upgrade != pb.UPGRADE_UNSPECIFIED:
        is_tunnel = exchange.request.upgrade == pb.UPGRADE_TUNNEL
        await (tunnel if is_tunnel else websocket)(exchange, path)
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
        await asyncio.sleep(PAUSE_SECONDS)
    await exchange.write(b"three\n")
    exchange.finish()


async def big(exchange: Exchange) -> None:
    """Two million zero bytes."""
    exchange.head(200, PLAIN)
    await exchange.write(bytes(BIG))
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
    """The same in RFC 6455."""
    if path != "/ws":
        exchange.reply(403, PLAIN, b"")
        return
    flat = exchange.request.headers
    pairs = [(n.decode(), v.decode()) for n, v in zip(flat[::2], flat[1::2], strict=True)]
    offer = Request(path, Headers(pairs))
    response = ServerProtocol(subprotocols=[Subprotocol("kit")]).accept(offer)
    own = ("sec-websocket-accept", "sec-websocket-protocol")
    fields = [(n.lower(), v) for n, v in response.headers.raw_items() if n.lower() in own]
    exchange.head(101, [(n.encode(), v.encode()) for n, v in fields])
    server = ServerProtocol(state=State.OPEN)
    while piece := await exchange.read():
        answer(server, piece)
        await exchange.write(b"".join(server.data_to_send()))
    exchange.finish()


def answer(server: ServerProtocol, piece: bytes) -> None:
    """Echo each message until "bye"."""
    server.receive_data(piece)
    for frame in server.events_received():
        if not isinstance(frame, Frame) or frame.opcode not in (Opcode.TEXT, Opcode.BINARY):
            continue
        if bytes(frame.data) == b"bye":
            server.send_close(4000, "done")
        elif frame.opcode is Opcode.TEXT:
            server.send_text(frame.data)
        else:
            server.send_binary(frame.data)
