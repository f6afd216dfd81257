"""What a worker answers to a WebSocket: a head, and a body of events."""

import asyncio
from collections.abc import AsyncIterator

from prack_grpc.broker.seam import PublicSide
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.http.message import ResponseHead
from prack_grpc.core.limits import PIECE
from prack_wire.websocket_events import BadEvents, Decoder, Event

# Events of one worker that its client is sent in one turn of the loop.
TURN = 32


async def final_head(ticket: Ticket) -> ResponseHead:
    """The head that is no interim one: there is no place for these. Raises as `Ticket.head`."""
    while (head := await ticket.head()).status < 200 and head.status != 101:
        pass
    return head


async def body_events(
    broker: PublicSide, ticket: Ticket, head: ResponseHead, max_size: int
) -> AsyncIterator[Event]:
    """The events of the body, each of at most `max_size` bytes, as they come.

    Raises BadEvents, or as `Ticket.chunk`.
    """
    decoder, left = Decoder(max_size), TURN
    async for piece in pieces(broker, ticket, head):
        for event in decoder.each(piece):
            yield event
            left -= 1
            if not left:
                left = TURN
                await asyncio.sleep(0)
    decoder.end()


async def pieces(broker: PublicSide, ticket: Ticket, head: ResponseHead) -> AsyncIterator[bytes]:
    """The body; a piece is consumed when the next one is asked for."""
    for start in range(0, len(head.body) if head.end else 0, PIECE):
        if start:
            await asyncio.sleep(0)
        yield head.body[start : start + PIECE]
    while not head.end and (chunk := await ticket.chunk()) is not None:
        yield chunk
        broker.consumed(ticket)


async def small_body(
    broker: PublicSide, ticket: Ticket, head: ResponseHead, max_size: int
) -> bytes:
    """The whole body of a refusal. Raises BadEvents if it is larger, or as `Ticket.chunk`."""
    body = bytearray(head.body if head.end else b"")
    while not head.end and (chunk := await ticket.chunk()) is not None:
        body += chunk
        if len(body) > max_size:
            raise BadEvents(
                f"the response that refuses the handshake has a body over {max_size} bytes"
            )
        broker.consumed(ticket)
    return bytes(body)
