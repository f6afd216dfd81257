import asyncio
from contextlib import AsyncExitStack

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.errors import BODY_TOO_LARGE, GatewayError
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.limits import Limits
from tests.broker.scene import SOON, Scene, failure, joined, waiting, within
from tests.core.building import a_request

# ---------------------------------------------------------------- request bodies


async def test_a_body_is_passed_on_no_faster_than_it_is_taken() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased(b"", False)
    body = bytes(range(250))
    async with waiting(scene.broker.upload(ticket, body, True)) as upload:
        assert scene.upload(ticket).buffered == 100
        scene.broker.allow(lease, UNBOUNDED)
        taken = b""
        while not upload.done():
            taken += scene.take(lease, 30)
            assert scene.upload(ticket).buffered <= 100
            await asyncio.sleep(0)
    while piece := scene.take(lease, 30):
        taken += piece
    assert taken == body
    assert scene.upload(ticket).drained
    assert scene.receiver.uploads >= 2


async def test_a_body_that_waits_is_read_ahead_only_as_far_as_the_buffer_goes() -> None:
    broker = MemoryBroker(Limits(request_buffer=10))
    ticket = broker.submit(a_request(), b"", False)
    async with waiting(broker.upload(ticket, b"x" * 25, True)):
        assert broker.tickets[ticket].upload.buffered == broker.dispatcher.queue.bytes - 1 == 10
        joined(broker)
    assert broker.tickets[ticket].upload.buffered == 25
    assert broker.tickets[ticket].upload.ended


@pytest.mark.parametrize(("buffer", "wanted"), [(10, True), (0, False)])
async def test_a_client_that_waits_to_be_asked_is_asked_where_it_is_read_ahead(
    buffer: int, wanted: bool
) -> None:
    broker = MemoryBroker(Limits(request_buffer=buffer))
    assert broker.submit(a_request(expects=True), b"", False).is_wanted is wanted


async def test_a_client_that_waits_to_be_asked_is_asked_by_its_worker() -> None:
    broker = MemoryBroker(Limits())
    joined(broker)
    assert not broker.submit(a_request(expects=True), b"", False).is_wanted


async def test_what_was_read_ahead_whole_is_handed_out_as_such() -> None:
    scene = Scene(slots=2)
    scene.leased(b"", False, method=b"POST")
    second = scene.broker.submit(a_request(b"POST"), b"", False)
    assert second.assignment is None
    await within(scene.broker.upload(second, b"abc", True))
    assert second.assignment is not None
    assert scene.broker.received(second.assignment)
    assert scene.broker.take(second.assignment, 10) == (b"", False, False)


async def test_the_end_of_a_body_is_told_even_without_bytes() -> None:
    scene = Scene()
    ticket, _ = scene.leased(b"abc", False)
    await within(scene.broker.upload(ticket, b"", True))
    assert scene.receiver.uploads == 1
    assert scene.upload(ticket).ended


@pytest.mark.parametrize("how", ["leave", "fail", "lose"])
async def test_an_upload_ends_with_its_exchange(how: str) -> None:
    scene = Scene(window=10)
    ticket, _ = scene.leased(b"", False, method=b"POST")
    async with waiting(scene.broker.upload(ticket, b"x" * 20, True)) as upload:
        match how:
            case "leave":
                scene.broker.leave(ticket)
            case "fail":
                scene.broker.fail(ticket, GatewayError(BODY_TOO_LARGE))
            case _:
                scene.broker.lose(scene.member)
    await upload
    assert ticket not in scene.broker.tickets


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
    assert len(await collect or b"") == 100


async def test_a_body_that_is_too_large_is_refused_with_413_before_its_end() -> None:
    scene = Scene(acknowledges=False, window=10, rest_body=100)
    ticket, lease = scene.leased(b"", False)
    async with waiting(scene.broker.collect(lease)) as collect:
        await within(scene.broker.upload(ticket, b"x" * 1000, False))
    assert await collect is None
    with pytest.raises(GatewayError) as caught:
        await within(ticket.head())
    assert caught.value.kind.status == 413
    assert scene.broker.progress(lease) is Work.CLOSED


async def test_a_body_that_its_client_gave_up_is_never_taken_for_complete() -> None:
    scene = Scene(acknowledges=False)
    ticket, lease = scene.leased(b"part", False)
    async with waiting(scene.broker.collect(lease)) as collect:
        scene.broker.leave(ticket)
    assert await collect is None


async def test_a_body_that_never_comes_is_given_up_at_the_deadline() -> None:
    scene = Scene(acknowledges=False, head_timeout=SOON)
    ticket, lease = scene.leased(b"part", False)
    assert await within(scene.broker.collect(lease)) is None
    assert await failure(ticket.head()) == "deadline"


async def test_bodies_that_are_collected_are_bounded_in_sum() -> None:
    """Promise 7: the second body waits until the first exchange is over."""
    scene = Scene(acknowledges=False, rest_body=100, queue_bytes=150, window=10)
    first, held = scene.leased(b"", False, body_length=80)
    second, other = scene.leased(b"", False, body_length=-1)
    async with waiting(scene.broker.upload(second, b"x" * 60, True)):
        async with waiting(scene.broker.collect(held)) as collected:
            await within(scene.broker.upload(first, b"y" * 80, True))
        assert await within(collected) == b"y" * 80
        async with waiting(scene.broker.collect(other)) as crowded:
            assert scene.upload(second).buffered == 10
            scene.answer(held)
            scene.broker.complete(first)
        assert await within(crowded) == b"x" * 60
    assert scene.broker.dispatcher.collected == 100
    scene.broker.leave(second)
    assert scene.broker.dispatcher.collected == 0


async def test_a_client_that_leaves_waits_for_no_room() -> None:
    scene = Scene(acknowledges=False, rest_body=100, queue_bytes=150)
    scene.broker.dispatcher.collect(scene.broker.tickets[scene.leased(b"", False)[0]])
    second, other = scene.leased(b"", False)
    async with waiting(scene.broker.collect(other)) as crowded:
        scene.broker.leave(second)
    assert await crowded is None


# ---------------------------------------------------------------- room to be read ahead


@pytest.mark.parametrize("how", ["leave", "lease", "cancel"])
async def test_those_that_wait_for_room_go_on_when_it_comes_one_after_the_other(how: str) -> None:
    broker = MemoryBroker(Limits(queue_bytes=4000, request_buffer=1000))
    first, *others = [broker.submit(a_request(counts_for="a"), b"", False) for _ in range(4)]
    await within(broker.upload(first, bytes(1000), False))
    async with AsyncExitStack() as stack:
        uploads = [
            await stack.enter_async_context(waiting(broker.upload(one, bytes(300), True)))
            for one in others
        ]
        if how == "cancel":
            uploads[0].cancel()
            await asyncio.wait(uploads[:1])
        if how == "lease":
            joined(broker)
        else:
            broker.leave(first)
        await within(asyncio.wait(uploads))
    assert all(upload.cancelled() or upload.result() is None for upload in uploads)


async def test_no_more_go_on_than_there_is_room_for() -> None:
    broker = MemoryBroker(Limits(queue_bytes=4000, request_buffer=1000))
    first, second, third, fourth = [
        broker.submit(a_request(counts_for="a"), b"", False) for _ in range(4)
    ]
    await within(broker.upload(first, bytes(600), False))
    await within(broker.upload(second, bytes(400), False))
    async with waiting(broker.upload(third, bytes(500), True)) as goes_on:
        async with waiting(broker.upload(fourth, bytes(10), True)) as waits:
            broker.leave(second)
            for _ in range(5):
                await asyncio.sleep(0)
            assert not goes_on.done()
            assert broker.tickets[third].upload.pushed == 400
            assert not waits.done()
            broker.leave(first)


async def test_o3_one_client_keeps_no_room_from_another() -> None:
    broker = MemoryBroker(Limits(queue_bytes=4000, request_buffer=1000))
    hogs = [broker.submit(a_request(counts_for="a"), b"", False) for _ in range(2)]
    await within(broker.upload(hogs[0], bytes(1000), False))
    async with waiting(broker.upload(hogs[1], bytes(700), False)):
        other = broker.submit(a_request(counts_for="b"), b"", False)
        await within(broker.upload(other, bytes(500), True))
        broker.leave(hogs[0])
