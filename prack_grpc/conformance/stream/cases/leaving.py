"""Section 7: drains of the worker and of the gateway."""

import asyncio

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.app import BIG
from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.cases.exchanges import expect
from prack_grpc.conformance.stream.session import Session
from prack_grpc.conformance.stream.trial import StreamTrial

SOON_SECONDS = 0.3
REPLACED = pb.StreamError(code="replaced", message="kit", retry=True)


async def sent_away(session: Session) -> None:
    """Acknowledge a drain, see the half-close, and end the stream. Raises Broken."""
    session.send(goaway=pb.Goaway(drain_ack=True, last_id=session.last_id))
    await session.until(lambda: session.over, "7.1", "the half-close")
    if not session.clean:
        raise Broken("7.1", "a stream that broke off; expected a half-close after the last frame")
    session.link.end()


async def drain_of(session: Session) -> None:
    """Wait for the worker's Drain. Raises Broken."""
    await session.until(
        lambda: any(frame.HasField("drain") for _, frame in session.frames), "7.1", "a Drain"
    )


async def stopped(trial: StreamTrial) -> None:
    """Raises Broken."""
    if code := await trial.ends("7.1"):
        raise Broken("7.1", f"the exit status {code} after a drain")


@case("7.1", alone=True)
async def drain(trial: StreamTrial) -> None:
    """On SIGTERM a worker drains: it finishes what it holds, also a request that came late."""
    session = await trial.session()
    held = session.request("/slow/600")
    await session.answer()  # then the one before is held
    trial.worker.stop()
    await drain_of(session)
    late = session.request("/big")  # it was on its way, and needs windows
    session.send(goaway=pb.Goaway(drain_ack=True, last_id=late.id))
    await session.done(held, late, rule="7.1")
    expect(held, 200, b"slow\n", "7.1")
    expect(late, 200, bytes(BIG), "7.1")
    await sent_away(session)
    await stopped(trial)


@case("7.1", alone=True)
async def idle_drain(trial: StreamTrial) -> None:
    """A worker that holds nothing waits for the acknowledgement before it half-closes."""
    session = await trial.session()
    trial.worker.stop()
    await drain_of(session)
    await session.quiet(SOON_SECONDS, "7.1")
    await sent_away(session)
    await stopped(trial)


@case("7.2", alone=True)
async def gateway_is_replaced(trial: StreamTrial) -> None:
    """Told that the gateway stops, a worker opens a second stream and keeps the first."""
    first = await trial.session()
    held = first.request("/slow/30000")
    await first.answer()
    first.send(goaway=pb.Goaway(drain_ack=False, reconnect_in_ms=100, close_in_ms=9000))
    second = await trial.welcomed("7.2")
    if first.hello.worker_id != second.hello.worker_id:
        raise Broken("2.3", "another worker_id, from the same process")
    await second.answer()
    await first.answer()
    first.cancel(held)
    await first.done(held)
    await sent_away(first)
    await asyncio.sleep(SOON_SECONDS)
    if trial.gateway.crowd:
        raise Broken("7.3", "a third stream, though the second one lives")
    await second.answer()


@case("7.4", alone=True, advice=True)
async def slots_of_two_streams(trial: StreamTrial) -> None:
    """The new stream gets the free slots, and the others when the old one needs them no more."""
    first = await trial.session()
    slots = first.hello.capacity.max_in_flight
    held = first.request("/slow/30000")
    await first.answer()
    first.send(goaway=pb.Goaway(drain_ack=False, reconnect_in_ms=100, close_in_ms=9000))
    second = await trial.welcomed("7.2")
    offered = second.hello.capacity.max_in_flight
    if offered == slots:
        raise Skipped("this worker offers all its slots on both streams")
    if offered != slots - 1:
        raise Broken("7.4", f"{offered} slots offered; {slots - 1} of {slots} are free")
    first.cancel(held)
    await first.done(held)
    await sent_away(first)
    await second.until(
        lambda: any(frame.capacity.max_in_flight == slots for _, frame in second.frames),
        "7.4",
        f"a Capacity of {slots} once the old stream has ended",
    )


@case("2.3", alone=True, advice=True)
async def replaced_stream(trial: StreamTrial) -> None:
    """The stream error `replaced` ends that stream only; the newer one goes on."""
    first = await trial.session()
    first.send(goaway=pb.Goaway(drain_ack=False, reconnect_in_ms=50, close_in_ms=9000))
    second = await trial.welcomed("7.2")
    first.send(error=REPLACED)
    first.link.end()
    await second.quiet(3 * SOON_SECONDS, "2.3")
    if trial.gateway.crowd:
        raise Broken("2.3", "a third stream, which replaces the second")
    await second.answer()


@case("7.3", alone=True)
async def sent_away_unasked(trial: StreamTrial) -> None:
    """Sent away without a word before, a worker half-closes, and dials again."""
    session = await trial.session()
    held = session.request("/slow/300")
    session.send(goaway=pb.Goaway(drain_ack=True, last_id=held.id))
    await session.done(held, rule="7.3")
    await sent_away(session)
    await (await trial.welcomed("7.3")).answer()
