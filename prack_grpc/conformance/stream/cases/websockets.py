"""Section 10: WebSockets."""

from typing import Any

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.exchange import Exchange
from prack_grpc.conformance.stream.session import Session
from prack_grpc.conformance.stream.trial import StreamTrial
from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    MAX_EVENT,
    TEXT,
    BadEvents,
    Decoder,
    Event,
    close_code,
    close_data,
    encode,
)

NAME = "websockets"
LARGE = bytes(range(256)) * 1200  # larger than the window of either side
Offered = dict[str, Any]
HANDSHAKE: Offered = {"end": False, "upgrade": pb.UPGRADE_WEBSOCKET}


async def opened(trial: StreamTrial, protocols: bytes = b"") -> tuple[Session, Exchange]:
    """An accepted WebSocket. Raises Broken."""
    session = await taking(trial)
    offered = (b"sec-websocket-protocol", protocols) if protocols else ()
    exchange = session.request("/ws", headers=offered, **HANDSHAKE)
    await session.until(lambda: bool(exchange.head) or exchange.done, "10.3", "a head with 101")
    if exchange.status != 101:
        raise Broken("10.3", f"{exchange}; expected 101")
    return session, exchange


async def taking(trial: StreamTrial) -> Session:
    """The session of a worker that takes events. Raises Broken, Skipped."""
    session = await trial.session()
    if "tunnel" in session.hello.features:  # with both features a worker gets tunnels
        raise Skipped("this worker takes WebSockets as tunnels")
    if "websocket" not in session.hello.features:
        raise Broken("10.1", "a hello without the feature websocket (or run with --without)")
    return session


def events(exchange: Exchange) -> list[Event]:
    """What came. Raises Broken."""
    try:
        return Decoder(MAX_EVENT).feed(bytes(exchange.body))
    except BadEvents as error:
        raise Broken("10.2", str(error)) from None


async def came(session: Session, exchange: Exchange, *expected: Event) -> None:
    """Wait for these events, and no others. Raises Broken."""
    count = len(expected)
    await session.until(
        lambda: len(events(exchange)) >= count or exchange.done, "10.2", f"{count} events"
    )
    if (seen := events(exchange)) != list(expected):
        raise Broken("10.2", f"the events {str(seen)[:200]}; expected {str(expected)[:200]}")


@case("10.2", "10.3", needs=NAME)
async def websocket_echo(trial: StreamTrial) -> None:
    """Texts and binary messages pass both ways, and stay apart."""
    session, exchange = await opened(trial)
    text = Event(TEXT, "h\u00e9llo".encode())
    await session.upload(exchange, encode(*text) + encode(BINARY, b"\x00\xff"), finish=False)
    await came(session, exchange, text, Event(BINARY, b"\x00\xff"))


@case("10.3", needs=NAME)
async def websocket_subprotocol(trial: StreamTrial) -> None:
    """The subprotocol that the application chose comes with the 101."""
    _, exchange = await opened(trial, b"other, kit")
    chosen = [value for name, value in exchange.fields() if name == b"sec-websocket-protocol"]
    if chosen != [b"kit"]:
        raise Broken("10.3", f"sec-websocket-protocol {chosen}; the application chose kit")


@case("10.2", needs=NAME)
async def websocket_events_in_pieces(trial: StreamTrial) -> None:
    """An event may be split over several Data, and one Data may hold several."""
    session, exchange = await opened(trial)
    stream = encode(TEXT, b"one") + encode(TEXT, b"") + encode(BINARY, b"\r\n")
    for cut in range(0, len(stream), 5):
        await session.upload(exchange, stream[cut : cut + 5], finish=False)
    await came(session, exchange, Event(TEXT, b"one"), Event(TEXT), Event(BINARY, b"\r\n"))


@case("10.2", needs=NAME)
async def websocket_unknown_events(trial: StreamTrial) -> None:
    """Names of events that a worker does not know are ignored."""
    session, exchange = await opened(trial)
    stream = encode(b"NEWER", b"data") + encode(b"PLAIN") + encode(TEXT, b"known")
    await session.upload(exchange, stream, finish=False)
    await came(session, exchange, Event(TEXT, b"known"))


@case("10.2", "5.2", needs=NAME)
async def websocket_large_message(trial: StreamTrial) -> None:
    """A message that is larger than the windows passes both ways."""
    session, exchange = await opened(trial)
    await session.upload(exchange, encode(BINARY, LARGE), finish=False)
    await came(session, exchange, Event(BINARY, LARGE))


@case("10.4", needs=NAME)
async def websocket_closed_by_the_client(trial: StreamTrial) -> None:
    """After the client's CLOSE and Finish, a worker ends with Finish."""
    session, exchange = await opened(trial)
    await session.upload(exchange, encode(CLOSE, close_data(1000)))
    await session.done(exchange, rule="10.4")
    if exchange.abort is not None:
        raise Broken("10.4", f"{exchange}; expected Finish after the client's CLOSE")


@case("10.4", needs=NAME)
async def websocket_closed_by_the_application(trial: StreamTrial) -> None:
    """An application closes with its code and reason: CLOSE, then Finish."""
    session, exchange = await opened(trial)
    await session.upload(exchange, encode(TEXT, b"bye"), finish=False)
    await session.done(exchange, rule="10.4")
    seen = events(exchange)
    if [(e.name, close_code(e.data)) for e in seen] != [(CLOSE, (4000, "done"))]:
        raise Broken("10.4", f"the events {seen}; expected CLOSE with 4000 and 'done'")
    if exchange.abort is not None:
        raise Broken("10.4", f"{exchange}; expected Finish after CLOSE")


@case("10.4", needs=NAME)
async def websocket_lost_by_the_client(trial: StreamTrial) -> None:
    """A WebSocket whose client was lost is cancelled, and ends."""
    session, exchange = await opened(trial)
    session.cancel(exchange, pb.CANCEL_REASON_CLIENT_GONE)
    await session.done(exchange, rule="10.4")


@case("10.3", needs=NAME)
async def websocket_refused(trial: StreamTrial) -> None:
    """A handshake that the application refuses gets an ordinary response."""
    session = await taking(trial)
    exchange = session.request("/ws-refused", **HANDSHAKE)
    await session.done(exchange, rule="10.3")
    if exchange.abort is not None or not 300 <= exchange.status <= 599:
        raise Broken("10.3", f"{exchange}; expected a response that refuses")
