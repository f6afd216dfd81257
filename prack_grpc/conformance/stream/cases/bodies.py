"""Section 5: windows."""

import random

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.app import BIG
from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.cases.exchanges import expect
from prack_grpc.conformance.stream.session import WINDOW
from prack_grpc.conformance.stream.trial import StreamTrial

BODY = random.Random(1).randbytes(1_500_000)  # noqa: S311 - no part of it looks like another
UNREAD_SECONDS = 0.5
STEP = 10_001


@case("5.1", "5.2")
async def echo_through_windows(trial: StreamTrial) -> None:
    """A body larger than all windows passes in both directions, unchanged."""
    session = await trial.session()
    exchange = session.request("/echo", "POST", end=False, body_length=len(BODY))
    await session.upload(exchange, BODY)
    await session.done(exchange, rule="5.2")
    if exchange.body != BODY:
        raise Broken("5.1", f"another body than was sent: {exchange}")


@case("5.1", "5.2")
async def sink_larger_than_its_window(trial: StreamTrial) -> None:
    """A body that is only read is granted further, and counted to its end."""
    session = await trial.session()
    exchange = session.request("/sink", "POST", body=BODY[:1000], end=False)
    await session.upload(exchange, BODY[1000:])
    await session.done(exchange, rule="5.2")
    expect(exchange, 200, b"%d\n" % len(BODY), "5.2")


@case("5.1")
async def response_within_its_window(trial: StreamTrial) -> None:
    """A worker sends what its window lets through, all of it, and no more."""
    session = await trial.session()
    exchange = session.request("/big", reads=False)
    for offset in (WINDOW, WINDOW + STEP, WINDOW + STEP + 1):
        session.grant(exchange, offset)
        await session.received(exchange, offset, "5.1")
        await session.quiet(0.1, "5.1")
    exchange.reads = True
    session.grant(exchange, offset + WINDOW)
    await session.done(exchange, rule="5.1")
    expect(exchange, 200, bytes(BIG), "5.1")


@case("5.1")
async def smaller_offset_is_ignored(trial: StreamTrial) -> None:
    """A Window with a smaller offset takes nothing back."""
    session = await trial.session()
    exchange = session.make("/big")
    smaller = pb.Window(id=exchange.id, max_offset=1)
    session.send(requests=[exchange.request], windows=[smaller])
    await session.done(exchange, rule="5.1")
    expect(exchange, 200, bytes(BIG), "5.1")


@case("5.2")
async def window_only_for_what_is_read(trial: StreamTrial) -> None:
    """Nothing is granted for a body that the application does not read."""
    session = await trial.session()
    exchange = session.request("/slow/1000", "POST", end=False)
    granted = exchange.granted
    await session.upload(exchange, bytes(granted), finish=False)
    await session.quiet(UNREAD_SECONDS, "5.2")
    if exchange.granted > granted:
        raise Broken("5.2", f"the windows {exchange.windows} for a body that nobody reads")
    await session.done(exchange)


@case("4.3", "5.2")
async def stalled_upload_ends_in_time(trial: StreamTrial) -> None:
    """An application that does not read its body can answer; the rest is not waited for."""
    session = await trial.session()
    exchange = session.request("/slow/100", "POST", end=False, body_length=BIG)
    await session.upload(exchange, bytes(exchange.granted), finish=False)
    await session.done(exchange, rule="4.3")
    expect(exchange, 200, b"slow\n")
