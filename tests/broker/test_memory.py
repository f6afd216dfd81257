import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import MAX_HEADS, ClientGone, Ticket
from prack_grpc.core.errors import BadResponse, GatewayError, LeaseError, NotHeld
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.states import Outcome, Work
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import Limits
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED
from tests.broker.scene import SECONDS, SOON, Scene, failure, joined, waiting, within
from tests.core.building import a_request


async def read(scene: Scene, ticket: Ticket) -> bytes:
    """The whole response body, as the public edge reads it."""
    parts = []
    while (chunk := await within(ticket.chunk())) is not None:
        parts.append(chunk)
        scene.broker.consumed(ticket)
    scene.broker.complete(ticket)
    return b"".join(parts)


# ---------------------------------------------------------------- the client's side


async def test_a_whole_answer_reaches_a_client_that_waits_for_it() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(ticket.head()) as head:
        scene.answer(lease, b"hello", 201)
    result = await head
    assert (result.status, result.body, result.end) == (201, b"hello", True)
    scene.broker.complete(ticket)
    assert scene.broker.dispatcher.counters.done[Outcome.WORKER] == 1


async def test_an_answer_that_is_there_already_is_not_waited_for() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.answer(lease)
    assert (await within(ticket.head())).status == 200


async def test_a_request_is_handed_out_when_a_worker_comes() -> None:
    broker = MemoryBroker(Limits())
    ticket = broker.submit(a_request(), b"", True)
    receiver = joined(broker)
    assert [lease.request_id for lease in receiver.handed] == [ticket.id]


async def test_a_streamed_answer_is_read_as_it_comes() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease, b"one")
    assert not (await within(ticket.head())).end
    assert await within(ticket.chunk()) == b"one"
    async with waiting(ticket.chunk()) as chunk:
        scene.broker.data(lease, b"two")
    assert await chunk == b"two"
    async with waiting(ticket.chunk()) as chunk:
        scene.broker.finish(lease, [(b"X-T", b"1")])
    assert await chunk is None
    assert ticket.trailers == [(b"x-t", b"1")]


async def test_interim_heads_come_before_the_final_one() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.broker.head(lease, 103, [(b"link", b"</a.css>")], b"", False)
    scene.answer(lease)
    assert [(await within(ticket.head())).status for _ in range(2)] == [103, 200]


async def test_more_interim_heads_than_a_slow_client_takes_are_dropped() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    for _ in range(3 * MAX_HEADS):
        scene.broker.head(lease, 103, [], b"", False)
    scene.answer(lease)
    statuses = [(await within(ticket.head())).status for _ in range(MAX_HEADS)]
    assert statuses == [103] * (MAX_HEADS - 1) + [200]


async def test_a_client_that_leaves_stops_waiting_and_its_worker_is_told() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(ticket.head()) as head:
        scene.broker.leave(ticket)
    with pytest.raises(ClientGone):
        await head
    assert scene.receiver.cancelled == [(lease, CancelReason.CLIENT_GONE)]
    scene.answer(lease)
    assert not scene.held


async def test_a_response_that_is_cut_is_cut_after_what_was_here() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease, b"part")
    await within(ticket.head())
    scene.broker.abort(lease, AbortCode.HANDLER_ERROR, "boom")
    assert await within(ticket.chunk()) == b"part"
    assert await failure(ticket.chunk()) == "worker_error"


async def test_a_request_that_cannot_be_accepted_leaves_nothing_behind() -> None:
    broker = MemoryBroker(Limits(queue_requests=0))
    with pytest.raises(GatewayError):
        broker.submit(a_request(), b"", True)
    assert not broker.dispatcher.exchanges


# ---------------------------------------------------------------- what cannot be passed on


@pytest.mark.parametrize("end", [False, True])
async def test_a_malformed_head_is_refused_and_the_client_gets_502(end: bool) -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    with pytest.raises(BadResponse):
        scene.broker.head(lease, 999, [], b"", end)
    assert await failure(ticket.head()) == "bad_worker_response"
    assert scene.broker.progress(lease) is (Work.CLOSED if end else Work.CANCELLED)


async def test_a_malformed_interim_head_is_refused_and_the_client_gets_502() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    with pytest.raises(BadResponse):
        scene.broker.head(lease, 103, [(b"x y", b"1")], b"", False)
    assert await failure(ticket.head()) == "bad_worker_response"
    assert scene.broker.progress(lease) is Work.CANCELLED


async def test_malformed_trailers_cut_the_response_and_free_the_slot() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease)
    await within(ticket.head())
    with pytest.raises(BadResponse):
        scene.broker.finish(lease, [(b"x y", b"1")])
    assert await failure(ticket.chunk()) == "bad_worker_response"
    assert not scene.held


async def test_malformed_trailers_that_nobody_waits_for_are_dropped() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease)
    scene.broker.leave(ticket)
    scene.broker.finish(lease, [(b"x y", b"1")])
    assert not scene.held


async def test_a_second_head_is_refused_and_the_first_counts() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease, b"first")
    with pytest.raises(LeaseError):
        scene.begin(lease, b"second")
    scene.broker.finish(lease, [])
    assert (await within(ticket.head())).status == 200
    assert await read(scene, ticket) == b"first"


@pytest.mark.parametrize("acknowledges", [True, False])
async def test_a_spoilt_exchange_gets_502_and_its_worker_is_told(acknowledges: bool) -> None:
    scene = Scene(acknowledges=acknowledges)
    ticket, lease = scene.leased()
    scene.broker.spoil(lease, "unreadable")
    assert await failure(ticket.head()) == "bad_worker_response"
    assert scene.receiver.cancelled == [(lease, CancelReason.BAD_RESPONSE)]


# ---------------------------------------------------------------- windows of responses


async def test_a_worker_is_granted_more_as_its_client_reads() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased()
    scene.begin(lease, b"x" * 49)
    await within(ticket.chunk())
    scene.broker.consumed(ticket)
    assert scene.receiver.granted == []
    scene.broker.data(lease, b"x")
    await within(ticket.chunk())
    scene.broker.consumed(ticket)
    assert scene.receiver.granted == [150]


async def test_a_worker_may_send_what_an_answer_without_a_body_makes_useless() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased(method=b"HEAD")
    scene.begin(lease)
    scene.broker.data(lease, b"x" * 100)
    assert (await within(ticket.head())).end
    scene.broker.complete(ticket)
    assert scene.receiver.granted == [200]
    scene.broker.data(lease, b"x" * 100)
    assert scene.receiver.granted == [200, 300]
    scene.broker.finish(lease, [])
    assert not scene.held


# ---------------------------------------------------------------- time


async def test_a_request_that_nobody_takes_is_given_up() -> None:
    broker = MemoryBroker(Limits(queue_timeout=SOON))
    assert await failure(broker.submit(a_request(), b"", True).head()) == "no_workers"


async def test_a_worker_that_does_not_answer_is_cancelled() -> None:
    scene = Scene(queue_timeout=60, head_timeout=SOON)
    ticket, lease = scene.leased()
    assert await failure(ticket.head()) == "deadline"
    assert scene.receiver.cancelled == [(lease, CancelReason.DEADLINE)]


async def test_a_response_that_stands_still_is_cut() -> None:
    scene = Scene(idle_timeout=SOON)
    ticket, lease = scene.leased()
    scene.begin(lease, b"x")
    await within(ticket.chunk())
    assert await failure(ticket.chunk()) == "deadline"


async def test_each_deadline_is_met_though_later_ones_were_set_before() -> None:
    scene = Scene(slots=1, queue_timeout=2 * SOON, head_timeout=60)
    _, _ = scene.leased()
    first = scene.broker.submit(a_request(), b"", True)
    assert await failure(first.head()) == "queue_timeout"
    second = scene.broker.submit(a_request(), b"", True)
    assert await failure(second.head()) == "queue_timeout"


async def test_a_worker_that_asks_for_more_time_gets_it() -> None:
    scene = Scene(head_timeout=SOON, queue_timeout=2 * SOON)
    ticket, lease = scene.leased()
    assert scene.broker.extend(lease, 60) == pytest.approx(60, abs=1)
    scene.broker.drain(scene.member)
    assert await failure(scene.broker.submit(a_request(), b"", True).head()) == "no_workers"
    scene.answer(lease)
    assert (await within(ticket.head())).status == 200


Args = TypeVarTuple("Args")


class EarlyLoop(asyncio.SelectorEventLoop):
    """A loop whose timers fire a little early, as those of a loop that rounds do."""

    timers = 0

    def call_at(
        self,
        when: float,
        callback: Callable[[*Args], object],
        *args: *Args,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_at(when - 0.002, callback, *args, context=context)


def test_a_timer_that_fires_early_is_not_set_again_for_the_same_time() -> None:
    async def give_up() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EarlyLoop)
        broker = MemoryBroker(Limits(queue_timeout=SOON))
        ticket = broker.submit(a_request(), b"", True)
        before = loop.timers
        with pytest.raises(GatewayError):
            await ticket.head()
        return loop.timers - before

    with asyncio.Runner(loop_factory=EarlyLoop) as runner:
        assert runner.run(give_up()) == 0


# ---------------------------------------------------------------- workers


async def test_what_a_lost_worker_may_have_begun_fails() -> None:
    scene = Scene()
    ticket, _ = scene.leased(method=b"POST")
    scene.broker.lose(scene.member)
    assert await failure(ticket.head()) == "worker_lost"


async def test_more_slots_are_filled_at_once() -> None:
    scene = Scene(slots=1)
    for _ in range(3):
        scene.broker.submit(a_request(), b"", True)
    scene.broker.resize(scene.member, 3)
    assert len(scene.receiver.handed) == 3


async def test_what_was_not_sent_goes_to_the_next_worker() -> None:
    scene = Scene(acknowledges=False)
    ticket, lease = scene.leased()
    scene.broker.drain(scene.member)
    scene.broker.put_back(lease)
    other = joined(scene.broker, "w2", 1, False)
    assert [lease.request_id for lease in other.handed] == [ticket.id]


async def test_a_worker_without_a_stream_finds_its_lease_by_name() -> None:
    scene = Scene(acknowledges=False)
    _, lease = scene.leased()
    assert scene.broker.find(lease.identifier, TRUSTED) is lease
    scene.answer(lease)
    with pytest.raises(NotHeld):
        scene.broker.find(lease.identifier, TRUSTED)


async def test_names_cannot_be_guessed() -> None:
    scenes = [Scene(acknowledges=False) for _ in range(8)]
    names = {scene.leased()[1].identifier for scene in scenes}
    assert len(names) == 8
    assert min(len(name) for name in names) >= 34


# ---------------------------------------------------------------- the end


async def test_with_nothing_open_the_broker_is_idle() -> None:
    await within(MemoryBroker(Limits()).idle(SECONDS))


async def test_the_broker_is_idle_once_the_last_client_is_served() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(scene.broker.idle(SECONDS)):
        scene.answer(lease)
        await within(ticket.head())
        scene.broker.complete(ticket)


@pytest.mark.parametrize("how", ["leave", "fail"])
async def test_the_broker_is_idle_once_the_last_client_has_left(how: str) -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(scene.broker.idle(SECONDS)):
        if how == "leave":
            scene.broker.leave(ticket)
        else:
            scene.broker.abort(lease, AbortCode.HANDLER_ERROR, "boom")


async def test_idle_waits_no_longer_than_it_may() -> None:
    scene = Scene()
    scene.leased()
    await within(scene.broker.idle(SOON))
    assert scene.broker.dispatcher.exchanges


async def test_a_websocket_holds_up_no_stop() -> None:
    broker = MemoryBroker(Limits())
    broker.submit(a_request(kind=Kind.WEBSOCKET), b"", False)
    await within(broker.idle(SECONDS))


async def test_shutting_down_ends_every_exchange_and_refuses_what_comes() -> None:
    scene = Scene(slots=1)
    held, lease = scene.leased()
    waits = scene.broker.submit(a_request(), b"", True)
    scene.broker.shut_down()
    assert await failure(held.head()) == "shutdown"
    assert await failure(waits.head()) == "draining"
    assert scene.receiver.cancelled == [(lease, CancelReason.SHUTDOWN)]
    with pytest.raises(GatewayError):
        scene.broker.submit(a_request(), b"", True)


async def test_a_broker_that_drains_finishes_what_it_has() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.broker.begin_drain()
    with pytest.raises(GatewayError):
        scene.broker.submit(a_request(), b"", True)
    scene.answer(lease)
    assert (await within(ticket.head())).status == 200
