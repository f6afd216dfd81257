"""Sections 3 and 4: cancelled exchanges."""

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.cases.exchanges import expect
from prack_grpc.conformance.stream.exchange import Exchange
from prack_grpc.conformance.stream.session import Session
from prack_grpc.conformance.stream.trial import StreamTrial

BEGIN_SECONDS = 0.1
MOST_SLOTS = 64


async def cancelled(
    session: Session, exchange: Exchange, reason: pb.CancelReason.ValueType
) -> None:
    """Cancel, and wait for the end, of whatever kind. Raises Broken."""
    session.cancel(exchange, reason)
    await session.done(exchange, rule="4.6")


@case("4.6")
async def cancel_of_a_request_in_progress(trial: StreamTrial) -> None:
    """A cancelled exchange ends soon."""
    session = await trial.session()
    exchange = session.request("/slow/30000")
    await session.quiet(BEGIN_SECONDS, "4.6")
    await cancelled(session, exchange, pb.CANCEL_REASON_CLIENT_GONE)


@case("4.6")
async def cancel_of_a_stalled_response(trial: StreamTrial) -> None:
    """A response that waits for its window can be cancelled."""
    session = await trial.session()
    exchange = session.request("/big", reads=False)
    await session.received(exchange, exchange.limit, "5.1")
    await cancelled(session, exchange, pb.CANCEL_REASON_CLIENT_GONE)


@case("4.6")
async def cancel_of_an_awaited_body(trial: StreamTrial) -> None:
    """An application that waits for more of a body is told when it is cut."""
    session = await trial.session()
    exchange = session.request("/sink", "POST", body=b"part", end=False)
    await session.quiet(BEGIN_SECONDS, "4.6")
    await cancelled(session, exchange, pb.CANCEL_REASON_REQUEST_CUT)


@case("3.1", "3.2")
async def slots_come_back(trial: StreamTrial) -> None:
    """The slots of cancelled exchanges are free again."""
    session = await trial.session()
    slots = min(session.hello.capacity.max_in_flight, MOST_SLOTS)
    for _ in range(2):
        held = [session.request("/slow/30000") for _ in range(slots - 1)]
        last = session.request()
        await session.done(last, rule="3.1")  # then those before have begun
        for exchange in held:
            session.cancel(exchange)
        await session.done(*held, rule="4.6")
    expect(last, 200, b"Hello\n", "3.1")
