import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import MAX_HEADS, ClientGone, Ticket
from prack_grpc.core.abort import AbortCode
from prack_grpc.core.effects import CancelReason
from prack_grpc.core.errors import BODY_CUT, BadResponse, GatewayError, LeaseError
from prack_grpc.core.exchange import Lease, Outcome, Work
from prack_grpc.core.flow import UNBOUNDED
from prack_grpc.core.ledger import NotHeld
from prack_grpc.core.limits import Limits
from prack_grpc.core.message import Kind
from prack_grpc.core.session import Session
from tests.core.building import a_request

T = TypeVar("T")
SECONDS = 10.0
SOON = 0.03


class Port:
    """Implements `broker.base.WorkerPort`: remembers what it was told."""

    def __init__(self) -> None:
        self.leases: list[Lease] = []
        self.cancelled: list[tuple[Lease, CancelReason]] = []
        self.uploads = 0
        self.granted: list[int] = []

    def deliver(self, lease: Lease) -> None:
        self.leases.append(lease)

    def cancel(self, lease: Lease, reason: CancelReason) -> None:
        self.cancelled.append((lease, reason))

    def uploaded(self, lease: Lease) -> None:
        self.uploads += 1

    def grant(self, lease: Lease, offset: int) -> None:
        self.granted.append(offset)


class Scene:
    """A broker, and one worker that has joined it."""

    def __init__(self, slots: int = 8, acknowledges: bool = True, **limits: Any) -> None:
        self.broker = MemoryBroker(Limits(**limits))
        self.port = Port()
        self.session = Session("w", slots, acknowledges, self.port)
        self.broker.join(self.session)

    def leased(self, body: bytes = b"", end: bool = True, **request: Any) -> tuple[Ticket, Lease]:
        """A request that the worker has."""
        ticket = self.broker.submit(a_request(**request), body, end)
        return ticket, self.port.leases[-1]

    def answer(self, lease: Lease, body: bytes = b"ok", status: int = 200) -> None:
        """A whole response."""
        self.broker.head(lease, status, [], body, True)

    def begin(self, lease: Lease, body: bytes = b"") -> None:
        """The start of a response."""
        self.broker.head(lease, 200, [], body, False)


async def within(awaitable: Awaitable[T]) -> T:
    """The result, or a failure of the test."""
    async with asyncio.timeout(SECONDS):
        return await awaitable


@asynccontextmanager
async def waiting(coroutine: Coroutine[Any, Any, T]) -> AsyncIterator[asyncio.Task[T]]:
    """A task that has run up to where it must wait."""
    task = asyncio.create_task(coroutine)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not task.done(), "it did not wait"
    yield task
    assert task.done() or await within(asyncio.wait((task,)))


async def failure(awaitable: Awaitable[object]) -> str:
    """The code of the error that a client gets."""
    with pytest.raises(GatewayError) as caught:
        await within(awaitable)
    return caught.value.kind.code


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
    assert ticket.exchange.outcome is Outcome.WORKER


async def test_an_answer_that_is_there_already_is_not_waited_for() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.answer(lease)
    assert (await within(ticket.head())).status == 200


async def test_a_request_is_handed_out_when_a_worker_comes() -> None:
    broker, port = MemoryBroker(Limits()), Port()
    ticket = broker.submit(a_request(), b"", True)
    broker.join(Session("w", 1, True, port))
    assert [lease.exchange for lease in port.leases] == [ticket.exchange]


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
    assert scene.port.cancelled == [(lease, CancelReason.CLIENT_GONE)]
    scene.answer(lease)
    assert not scene.session.held


async def test_a_response_that_is_cut_is_not_read_to_its_end() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease, b"part")
    await within(ticket.head())
    scene.broker.abort(lease, AbortCode.HANDLER_ERROR, "boom")
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
    assert lease.state is (Work.CLOSED if end else Work.CANCELLED)


async def test_a_malformed_interim_head_is_refused_and_the_client_gets_502() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    with pytest.raises(BadResponse):
        scene.broker.head(lease, 103, [(b"x y", b"1")], b"", False)
    assert await failure(ticket.head()) == "bad_worker_response"
    assert lease.cancelled


async def test_malformed_trailers_cut_the_response_and_free_the_slot() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease)
    await within(ticket.head())
    with pytest.raises(BadResponse):
        scene.broker.finish(lease, [(b"x y", b"1")])
    assert await failure(ticket.chunk()) == "bad_worker_response"
    assert not scene.session.held


async def test_malformed_trailers_that_nobody_waits_for_are_dropped() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    scene.begin(lease)
    scene.broker.leave(ticket)
    scene.broker.finish(lease, [(b"x y", b"1")])
    assert not scene.session.held


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
    assert scene.port.cancelled == [(lease, CancelReason.BAD_RESPONSE)]


# ---------------------------------------------------------------- windows of responses


async def test_a_worker_is_granted_more_as_its_client_reads() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased()
    scene.begin(lease, b"x" * 49)
    await within(ticket.chunk())
    scene.broker.consumed(ticket)
    assert scene.port.granted == []
    scene.broker.data(lease, b"x")
    await within(ticket.chunk())
    scene.broker.consumed(ticket)
    assert scene.port.granted == [150]


async def test_a_worker_may_send_what_an_answer_without_a_body_makes_useless() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased(method=b"HEAD")
    scene.begin(lease)
    scene.broker.data(lease, b"x" * 100)
    assert (await within(ticket.head())).end
    scene.broker.complete(ticket)
    assert scene.port.granted == [200]
    scene.broker.data(lease, b"x" * 100)
    assert scene.port.granted == [200, 300]
    scene.broker.finish(lease, [])
    assert not scene.session.held


# ---------------------------------------------------------------- request bodies


async def test_a_body_is_passed_on_no_faster_than_it_is_taken() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased(b"", False)
    body = bytes(range(250))
    async with waiting(scene.broker.upload(ticket, body, True)) as upload:
        assert lease.exchange.upload.buffered == 100
        scene.broker.allow(lease, UNBOUNDED)
        taken = b""
        while not upload.done():
            taken += scene.broker.take(lease, 30)
            assert lease.exchange.upload.buffered <= 100
            await asyncio.sleep(0)
    while piece := scene.broker.take(lease, 30):
        taken += piece
    assert taken == body
    assert lease.exchange.upload.drained
    assert scene.port.uploads >= 2


async def test_a_body_that_waits_is_read_ahead_only_as_far_as_it_rides_along() -> None:
    broker, port = MemoryBroker(Limits(inline_body=10)), Port()
    ticket = broker.submit(a_request(), b"", False)
    async with waiting(broker.upload(ticket, b"x" * 25, True)):
        assert ticket.exchange.upload.buffered == broker.dispatcher.queue.bytes - 1 == 10
        broker.join(Session("w", 1, True, port))
    assert ticket.exchange.upload.buffered == 25
    assert ticket.exchange.upload.ended


async def test_the_end_of_a_body_is_told_even_without_bytes() -> None:
    scene = Scene()
    ticket, lease = scene.leased(b"abc", False)
    await within(scene.broker.upload(ticket, b"", True))
    assert scene.port.uploads == 1
    assert lease.exchange.upload.ended


@pytest.mark.parametrize("how", ["leave", "fail", "lose"])
async def test_an_upload_ends_with_its_exchange(how: str) -> None:
    scene = Scene(window=10)
    ticket, _ = scene.leased(b"", False)
    async with waiting(scene.broker.upload(ticket, b"x" * 20, True)) as upload:
        match how:
            case "leave":
                scene.broker.leave(ticket)
            case "fail":
                scene.broker.fail(ticket, GatewayError(BODY_CUT))
            case _:
                scene.broker.lose(scene.session)
    assert await upload is None
    assert ticket.exchange.upload.buffered == 0


async def test_a_body_is_wanted_once_a_worker_makes_room_for_it() -> None:
    scene = Scene()
    ticket, lease = scene.leased(b"", False)
    async with waiting(ticket.wanted()):
        scene.broker.allow(lease, 10)
    assert ticket.is_wanted


# ---------------------------------------------------------------- bodies in one piece


async def test_a_body_is_collected_whole() -> None:
    scene = Scene(acknowledges=False, window=10, rest_body=100)
    ticket, lease = scene.leased(b"0123456789", False)
    async with waiting(scene.broker.upload(ticket, b"abcdef", False)) as upload:
        async with waiting(scene.broker.collect(lease)) as collect:
            await within(upload)
            await within(scene.broker.upload(ticket, b"xyz", True))
    assert await collect == b"0123456789abcdefxyz"


@pytest.mark.parametrize("body", [b"", b"here already"])
async def test_a_complete_body_is_not_waited_for(body: bytes) -> None:
    scene = Scene(acknowledges=False)
    _, lease = scene.leased(body, True)
    assert await within(scene.broker.collect(lease)) == body
    assert await within(scene.broker.collect(lease)) == body


@pytest.mark.parametrize("parts", [[b"x" * 100], [b"x" * 60, b"x" * 40], [b"x" * 100, b""]])
async def test_a_body_of_the_largest_size_is_collected(parts: list[bytes]) -> None:
    scene = Scene(acknowledges=False, rest_body=100)
    ticket, lease = scene.leased(b"", False)
    async with waiting(scene.broker.collect(lease)) as collect:
        for part in parts[:-1]:
            await within(scene.broker.upload(ticket, part, False))
        await within(scene.broker.upload(ticket, parts[-1], True))
    assert len(await collect) == 100


async def test_a_body_that_is_too_large_is_refused_with_413_before_its_end() -> None:
    scene = Scene(acknowledges=False, window=10, rest_body=100)
    ticket, lease = scene.leased(b"", False)
    async with waiting(scene.broker.collect(lease)) as collect:
        await within(scene.broker.upload(ticket, b"x" * 1000, False))
    assert await failure(collect)
    with pytest.raises(GatewayError) as caught:
        await within(ticket.head())
    assert caught.value.kind.status == 413
    assert lease.state is Work.CLOSED


async def test_a_body_that_its_client_gave_up_is_never_taken_for_complete() -> None:
    scene = Scene(acknowledges=False)
    ticket, lease = scene.leased(b"part", False)
    async with waiting(scene.broker.collect(lease)) as collect:
        scene.broker.leave(ticket)
    assert await failure(collect) == "body_cut"


async def test_a_body_that_never_comes_is_given_up_at_the_deadline() -> None:
    scene = Scene(acknowledges=False, head_timeout=SOON)
    ticket, lease = scene.leased(b"part", False)
    assert await failure(scene.broker.collect(lease)) == "body_cut"
    assert await failure(ticket.head()) == "deadline"


# ---------------------------------------------------------------- time


async def test_a_request_that_nobody_takes_is_given_up() -> None:
    broker = MemoryBroker(Limits(queue_timeout=SOON))
    assert await failure(broker.submit(a_request(), b"", True).head()) == "no_workers"


async def test_a_worker_that_does_not_answer_is_cancelled() -> None:
    scene = Scene(queue_timeout=60, head_timeout=SOON)
    ticket, lease = scene.leased()
    assert await failure(ticket.head()) == "deadline"
    assert scene.port.cancelled == [(lease, CancelReason.DEADLINE)]


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
    scene.broker.drain(scene.session)
    assert await failure(scene.broker.submit(a_request(), b"", True).head()) == "queue_timeout"
    scene.answer(lease)
    assert (await within(ticket.head())).status == 200


class EarlyLoop(asyncio.SelectorEventLoop):
    """A loop whose timers fire a little early, as those of a loop that rounds do."""

    timers = 0

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Any = None
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


async def test_what_a_lost_worker_held_fails() -> None:
    scene = Scene()
    ticket, _ = scene.leased()
    scene.broker.lose(scene.session)
    assert await failure(ticket.head()) == "worker_lost"


async def test_more_slots_are_filled_at_once() -> None:
    scene = Scene(slots=1)
    for _ in range(3):
        scene.broker.submit(a_request(), b"", True)
    scene.broker.resize(scene.session, 3)
    assert len(scene.port.leases) == 3


async def test_what_was_not_sent_goes_to_the_next_worker() -> None:
    scene = Scene(acknowledges=False)
    ticket, lease = scene.leased()
    scene.broker.drain(scene.session)
    scene.broker.put_back(lease)
    other = Port()
    scene.broker.join(Session("w2", 1, False, other))
    assert [lease.exchange for lease in other.leases] == [ticket.exchange]


async def test_a_worker_without_a_stream_finds_its_lease_by_name() -> None:
    scene = Scene(acknowledges=False)
    _, lease = scene.leased()
    assert scene.broker.find(lease.identifier) is lease
    scene.answer(lease)
    with pytest.raises(NotHeld):
        scene.broker.find(lease.identifier)


async def test_names_cannot_be_guessed() -> None:
    scene = Scene()
    names = {scene.leased()[1].identifier for _ in range(8)}
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
    assert scene.port.cancelled == [(lease, CancelReason.SHUTDOWN)]
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


# ---------------------------------------------------------------- cancellation


AWAITS: dict[str, Callable[[Scene, Ticket, Lease], Coroutine[Any, Any, object]]] = {
    "head": lambda scene, ticket, lease: ticket.head(),
    "chunk": lambda scene, ticket, lease: ticket.chunk(),
    "wanted": lambda scene, ticket, lease: ticket.wanted(),
    "upload": lambda scene, ticket, lease: scene.broker.upload(ticket, b"x" * 100, True),
    "collect": lambda scene, ticket, lease: scene.broker.collect(lease),
    "idle": lambda scene, ticket, lease: scene.broker.idle(SECONDS),
}


@pytest.mark.parametrize("where", AWAITS)
@pytest.mark.parametrize("after", ["answer", "leave", "lose"])
async def test_whoever_is_cancelled_while_waiting_leaves_the_broker_in_order(
    where: str, after: str
) -> None:
    scene = Scene(window=10)
    ticket, lease = scene.leased(b"", False)
    if where == "chunk":
        scene.begin(lease)
        await within(ticket.head())
    async with waiting(AWAITS[where](scene, ticket, lease)) as task:
        task.cancel()
    assert task.cancelled()
    match after:
        case "answer":
            if where == "chunk":
                scene.broker.finish(lease, [])
            else:
                scene.answer(lease)
                await within(ticket.head())
            scene.broker.complete(ticket)
        case "leave":
            scene.broker.leave(ticket)
            scene.broker.abort(lease, AbortCode.CANCELLED, "")
        case _:
            scene.broker.lose(scene.session)
    assert not scene.broker.dispatcher.exchanges
    assert not scene.session.held
    await within(scene.broker.idle(SECONDS))


async def test_a_wait_that_was_cancelled_can_be_begun_again() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(ticket.head()) as head:
        head.cancel()
    async with waiting(ticket.head()) as head:
        scene.answer(lease)
    assert (await head).status == 200
