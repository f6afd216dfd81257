"""What clients, workers and operators may rely on, whatever stands between them."""

import asyncio

import pytest

from prack_grpc.broker.ticket import ClientGone, Ticket
from prack_grpc.core.errors import BadResponse, GatewayError, LeaseError, NotHeld
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.traffic import Split
from prack_grpc.core.receivers import CancelReason
from prack_grpc.core.worker import TRUSTED
from tests.contract.conftest import SECONDS, Build, until, within

SOON = 0.05


async def status(ticket: Ticket) -> int:
    """Of the error that the client gets."""
    with pytest.raises(GatewayError) as caught:
        await within(ticket.head())
    return caught.value.kind.status


# ---------------------------------------------------------------- requests and answers


async def test_what_the_client_sent_reaches_the_worker_as_it_was(build: Build) -> None:
    """S6."""
    rig = build()
    headers = [(b"host", b"a"), (b"x", b"1"), (b"y", b"\xff"), (b"x", b"2")]
    ticket = rig.submit(method=b"PATCH", target=b"/a%2fb?c", headers=headers)
    worker = rig.worker()
    request = (await worker.next()).request
    assert (request.method, request.target) == (b"PATCH", b"/a%2fb?c")
    assert request.headers == headers
    await until(lambda: ticket.assignment)


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 300_000])
async def test_a_whole_answer_reaches_its_client(build: Build, body: bytes) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    rig.side.head(await worker.next(), 201, [(b"x-a", b"1"), (b"x-a", b"2")], body, True)
    head = await within(ticket.head())
    assert (head.status, head.end, head.body) == (201, True, body)
    assert [field for field in head.headers if field[0] == b"x-a"] == [
        (b"x-a", b"1"),
        (b"x-a", b"2"),
    ]


async def test_an_answer_is_read_as_it_comes_with_trailers_at_its_end(build: Build) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    rig.side.head(assignment, 200, [], b"one", False)
    assert not (await within(ticket.head())).end
    assert await within(ticket.chunk()) == b"one"
    rig.side.data(assignment, b"two")
    assert await within(ticket.chunk()) == b"two"
    rig.side.finish(assignment, [(b"X-T", b"1")])
    assert await within(ticket.chunk()) is None
    assert ticket.trailers == [(b"x-t", b"1")]


async def test_interim_heads_come_before_the_final_one(build: Build) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    rig.side.head(assignment, 103, [(b"link", b"</a.css>")], b"", False)
    assert (await within(ticket.head())).status == 103
    worker.answer(assignment)
    assert (await within(ticket.head())).status == 200


async def test_each_client_gets_its_own_answer(build: Build) -> None:
    """S2."""
    rig = build()
    worker = rig.worker(slots=20)
    tickets = [rig.submit(target=b"/%d" % number) for number in range(20)]
    handed = [await worker.next() for _ in tickets]
    for assignment in reversed(handed):
        worker.answer(assignment, assignment.request.target)
    for number, ticket in enumerate(tickets):
        assert (await within(ticket.head())).body == b"/%d" % number


async def test_the_oldest_request_goes_first_and_a_slot_holds_one(build: Build) -> None:
    """Promises 3 and 4."""
    rig = build()
    tickets = [rig.submit(target=b"/%d" % number) for number in range(5)]
    worker = rig.worker(slots=1)
    for number in range(5):
        assignment = await worker.next()
        assert assignment.request.target == b"/%d" % number
        assert worker.handed == []
        worker.answer(assignment)
        await within(tickets[number].head())


async def test_a_websocket_is_a_stream_in_each_direction(build: Build) -> None:
    rig = build()
    ticket = rig.submit(b"", False, kind=Kind.WEBSOCKET, body_length=-1)
    worker = rig.worker(kinds=(Kind.HTTP, Kind.WEBSOCKET))
    assignment = await worker.next()
    rig.side.head(assignment, 101, [], b"", False)
    assert (await within(ticket.head())).status == 101
    await within(rig.public.upload(ticket, b"said", False))
    await within(rig.public.upload(ticket, b"", True))
    assert await worker.body(assignment) == b"said"
    rig.side.data(assignment, b"heard")
    assert await within(ticket.chunk()) == b"heard"


# ---------------------------------------------------------------- bodies


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_500_000])
async def test_a_request_body_arrives_whole(build: Build, size: int) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit(b"", False, method=b"POST", body_length=-1)
    data = bytes(range(256)) * (size // 256 + 1)
    uploading = asyncio.create_task(rig.public.upload(ticket, data[:size], True))
    assert await worker.body(await worker.next()) == data[:size]
    await within(uploading)


async def test_a_response_body_is_held_back_by_its_client(build: Build) -> None:
    """Promise 7: what the client does not read is not taken from the worker."""
    rig = build(window=100_000)
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    rig.side.head(assignment, 200, [], b"", False)
    await within(ticket.head())
    sent = 0
    for _ in range(200):
        if room := rig.side.room(assignment):
            rig.side.data(assignment, bytes(min(room, 10_000)))
            sent += min(room, 10_000)
        await asyncio.sleep(0)
    assert 100_000 <= sent <= 400_000
    rig.side.finish(assignment, [])
    assert len(await rig.read(ticket)) == sent


async def test_a_body_that_was_asked_about_is_sent_once_it_is_wanted(build: Build) -> None:
    rig = build(request_buffer=0)  # nothing is read ahead while it waits for a slot
    worker = rig.worker()
    ticket = rig.submit(b"", False, method=b"POST", body_length=3, expects=True)
    assignment = await worker.next()
    assert not ticket.is_wanted
    rig.side.allow(assignment, 100)
    await within(ticket.wanted())
    await within(rig.public.upload(ticket, b"abc", True))
    assert await worker.body(assignment) == b"abc"


# ---------------------------------------------------------------- what goes wrong


async def test_a_client_that_leaves_is_told_to_its_worker(build: Build) -> None:
    """L3."""
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    await until(lambda: ticket.assignment)
    rig.public.leave(ticket)
    with pytest.raises(ClientGone):
        await within(ticket.head())
    await until(lambda: worker.cancelled)
    assert worker.cancelled == [(assignment, CancelReason.CLIENT_GONE)]
    assert rig.side.progress(assignment) is Work.CANCELLED
    worker.answer(assignment)  # too late, and no mistake
    assert rig.side.progress(assignment) is Work.CLOSED


async def test_what_makes_no_response_is_refused_and_its_client_gets_502(build: Build) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    with pytest.raises(BadResponse):
        rig.side.head(await worker.next(), 999, [], b"", True)
    assert await status(ticket) == 502


@pytest.mark.parametrize(("code", "expected"), [("HANDLER_ERROR", 502), ("TIMED_OUT", 504)])
async def test_a_worker_that_gives_up_says_why(build: Build, code: str, expected: int) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    rig.side.abort(await worker.next(), AbortCode[code], "")
    assert await status(ticket) == expected


async def test_what_no_worker_began_goes_to_another_one(build: Build) -> None:
    rig = build()
    first, ticket = rig.worker("w1", slots=1), rig.submit(method=b"POST")
    assignment = await first.next()
    second = rig.worker("w2")
    rig.side.abort(assignment, AbortCode.REFUSED, "")
    worker = first if first.handed else second
    worker.answer(await worker.next(), b"again")
    assert (await within(ticket.head())).body == b"again"


@pytest.mark.parametrize(("method", "repeated"), [(b"GET", True), (b"POST", False)])
async def test_what_a_lost_worker_held_is_repeated_or_fails(
    build: Build, method: bytes, repeated: bool
) -> None:
    """S3."""
    rig = build()
    lost, ticket = rig.worker("w1"), rig.submit(method=method)
    await lost.next()
    other = rig.worker("w2")
    lost.lose()
    if repeated:
        other.answer(await other.next(), b"second")
        assert (await within(ticket.head())).body == b"second"
    else:
        assert await status(ticket) == 502


async def test_after_its_end_an_exchange_takes_no_answer(build: Build) -> None:
    """S1."""
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    worker.answer(assignment, b"first")
    with pytest.raises(LeaseError):
        worker.answer(assignment, b"second")
    assert (await within(ticket.head())).body == b"first"


@pytest.mark.parametrize("limit", ["head_timeout", "queue_timeout"])
async def test_every_wait_has_an_end(build: Build, limit: str) -> None:
    """L2."""
    rig = build(**{limit: SOON})
    if limit == "head_timeout":
        rig.worker()
    assert await status(rig.submit()) == (504 if limit == "head_timeout" else 503)


# ---------------------------------------------------------------- workers without a stream


async def test_a_worker_that_does_not_acknowledge_is_known_by_identifiers(build: Build) -> None:
    """S4."""
    rig = build()
    worker, ticket = rig.worker(acknowledges=False), rig.submit()
    assignment = await worker.next()
    assert rig.side.find(assignment.identifier, TRUSTED) is assignment
    assert 0 < rig.side.remaining(assignment) <= rig.side.extend(assignment, 100)
    worker.answer(assignment)
    with pytest.raises(NotHeld):
        rig.side.find(assignment.identifier, TRUSTED)
    assert (await within(ticket.head())).status == 200


async def test_a_body_can_be_taken_in_one_piece(build: Build) -> None:
    rig = build()
    worker = rig.worker(acknowledges=False)
    ticket = rig.submit(b"one,", False, method=b"POST", body_length=-1)
    assignment = await worker.next()
    collecting = asyncio.create_task(rig.side.collect(assignment))
    await within(rig.public.upload(ticket, b"two", True))
    assert await within(collecting) == b"one,two"
    assert rig.side.received(assignment)
    assert rig.side.body_length(assignment) == 7


# ---------------------------------------------------------------- operators


async def test_a_paused_worker_is_handed_nothing_until_it_is_let_go(build: Build) -> None:
    rig = build()
    worker, other = rig.worker("w1"), rig.worker("w2")
    rig.operator.pause("w1", True)
    for _ in range(2):
        rig.submit()
        await other.next()
    assert worker.handed == []
    rig.operator.pause("w1", False)
    rig.operator.pause("w2", True)
    rig.submit()
    await worker.next()


async def test_traffic_is_divided_between_versions(build: Build) -> None:
    rig = build()
    old = rig.worker("w1", slots=50, service="web", version="v1")
    new = rig.worker("w2", slots=50, service="web", version="v2")
    for operator in rig.operators:
        operator.divide("web", Split("web", (("v2", 1), ("v1", 3))))
    for _ in range(40):
        rig.submit()
    await until(lambda: len(old.handed) + len(new.handed) == 40)
    assert len(new.handed) == pytest.approx(10, abs=1)


async def test_what_a_worker_holds_shows_in_the_status(build: Build) -> None:
    """S12."""
    rig = build()
    worker, _ = rig.worker("w1", service="web"), rig.submit()
    assignment = await worker.next()
    (row,) = rig.operator.status().workers
    assert (row.worker, row.service, row.held) == ("w1", "web", 1)
    worker.answer(assignment)
    await until(lambda: any(one.status().queue.leases["answered"] == 1 for one in rig.operators))


async def test_a_broker_that_drains_finishes_what_it_holds(build: Build) -> None:
    rig = build()
    worker, ticket = rig.worker(), rig.submit()
    assignment = await worker.next()
    rig.operator.begin_drain()
    idle = asyncio.create_task(rig.operator.idle(SECONDS))
    worker.answer(assignment)
    assert (await within(ticket.head())).status == 200
    rig.public.complete(ticket)
    await within(idle)
