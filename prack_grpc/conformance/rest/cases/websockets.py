"""WebSockets as batches of events."""

from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.rest.cases.catalogue import case
from prack_grpc.conformance.rest.hand_out import HandOut
from prack_grpc.conformance.rest.trial import RestTrial
from prack_wire.websocket_events import (
    BINARY,
    CLOSE,
    DISCONNECT,
    MAX_EVENT,
    OPEN,
    TEXT,
    BadEvents,
    Decoder,
    Event,
    close_code,
    close_data,
    encode,
)

RULE = "WebSockets"
KIND = b"application/websocket-events"
FIELDS = [(b"accept", KIND), (b"content-type", KIND), (b"connection-id", b"0e9d1f6c2b8a4d53")]


async def batch(trial: RestTrial, stream: bytes, target: str = "/ws") -> HandOut:
    """The answer to one batch. Raises Broken, or Skipped if the worker takes none."""
    await trial.parked(RULE)
    if not trial.gateway.polls[-1][1].events:
        raise Skipped("this worker polls without websockets=events")
    hand_out = await trial.answer(target, "POST", fields=FIELDS, body=stream, events=True)
    return hand_out


def told(hand_out: HandOut) -> list[Event]:
    """The events of an answer. Raises Broken."""
    kinds = [value for name, value in hand_out.answer_fields if name == b"content-type"]
    if hand_out.status != 200 or kinds != [KIND]:
        raise Broken(RULE, f"{hand_out}, content-type {kinds}; expected 200 and {KIND.decode()}")
    decoder = Decoder(MAX_EVENT)
    try:
        events = decoder.feed(bytes(hand_out.answer))
        decoder.end()
    except BadEvents as error:
        raise Broken(RULE, str(error)) from None
    return events


def same(hand_out: HandOut, *expected: Event) -> None:
    """Raises Broken."""
    if (seen := told(hand_out)) != list(expected):
        raise Broken(RULE, f"the events {seen}; expected {list(expected)}")


@case(RULE)
async def batches(trial: RestTrial) -> None:
    """OPEN is answered with OPEN, messages are echoed, and the last batch is answered."""
    same(await batch(trial, encode(OPEN)), Event(OPEN))
    both = Event(TEXT, "h\u00e9".encode()), Event(BINARY, b"\0\r\n")
    same(await batch(trial, b"".join(encode(*event) for event in both)), *both)
    for last in (encode(CLOSE, close_data(1000)), encode(DISCONNECT)):
        told(await batch(trial, last))


@case(RULE)
async def batch_that_closes(trial: RestTrial) -> None:
    """An application closes with its code and reason."""
    events = told(await batch(trial, encode(TEXT, b"bye")))
    if [(event.name, close_code(event.data)) for event in events] != [(CLOSE, (4000, "done"))]:
        raise Broken(RULE, f"the events {events}; expected CLOSE with 4000 and 'done'")


@case(RULE)
async def batch_that_is_refused(trial: RestTrial) -> None:
    """A WebSocket that the application refuses gets an ordinary answer."""
    hand_out = await batch(trial, encode(OPEN), "/ws-refused")
    if hand_out.error or not 300 <= hand_out.status <= 599:
        raise Broken(RULE, f"{hand_out}; expected an answer that refuses")
