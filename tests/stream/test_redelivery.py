"""Promise 2 on the wire: what a lost worker held goes to another one, or is an honest 502."""

import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway, Start
from tests.stream.conftest import Connect

KEY = b"idempotency-key: 42"


@pytest.mark.parametrize(
    ("method", "fields"), [(b"GET", ()), (b"DELETE", ()), (b"POST", (KEY,)), (b"PATCH", (KEY,))]
)
async def test_a_repeatable_request_gets_a_second_worker(
    gateway: Gateway, method: bytes, fields: tuple[bytes, ...], connect: Connect
) -> None:
    client = await gateway.client()
    async with connect(gateway) as second:
        async with connect(gateway) as first:
            await first.hello("first")
            await client.get(b"/a?b", *fields, method=method)
            lost = await first.event("requests")
        await second.hello("second")
        again = await second.event("requests")
        assert (lost.attempt, again.attempt) == (1, 2)
        assert (again.request_id, again.method, again.target) == (lost.request_id, method, b"/a?b")
        await second.answer(again)
        assert (await client.response()).status == 200


async def test_its_body_is_replayed(gateway: Gateway, connect: Connect) -> None:
    client = await gateway.client()
    async with connect(gateway) as second:
        async with connect(gateway) as first:
            await first.hello("first")
            await client.post(b"the body", b"/", KEY)
            assert (await first.event("requests")).body == b"the body"
        await second.hello("second")
        again = await second.event("requests")
        assert (again.body, again.end) == (b"the body", True)


async def test_the_second_loss_is_the_last(gateway: Gateway, connect: Connect) -> None:
    client = await gateway.client()
    for name in ("first", "second"):
        async with connect(gateway) as worker:
            await worker.hello(name)
            if name == "first":
                await client.get(b"/")
            await worker.event("requests")
    response = await client.response()
    assert response.status == 502
    assert b'"worker_lost"' in response.body


async def test_it_can_be_switched_off(start: Start, connect: Connect) -> None:
    gateway = await start(redeliver=False)
    client = await gateway.client()
    async with connect(gateway) as worker:
        await worker.hello()
        await client.get(b"/")
        await worker.event("requests")
    assert (await client.response()).status == 502


async def test_503_is_never_said_of_what_may_have_begun(start: Start, connect: Connect) -> None:
    gateway = await start(queue_timeout=0.05)
    client = await gateway.client()
    async with connect(gateway) as worker:
        await worker.hello()
        await client.get(b"/")
        await worker.event("requests")
    response = await client.response()
    assert (response.status, b'"worker_lost"' in response.body) == (502, True)


async def test_a_higher_tier_waits_for_the_lower_to_be_busy(
    gateway: Gateway, connect: Connect
) -> None:
    async with connect(gateway) as far, connect(gateway) as near:
        await far.hello("far", slots=2, tier=1)
        await near.hello("near", slots=1)
        clients = [await gateway.client() for _ in range(3)]
        for number, client in enumerate(clients):
            await client.get(b"/%d" % number)
            worker = near if number == 0 else far
            assert (await worker.event("requests")).target == b"/%d" % number


async def test_a_tier_is_bounded(gateway: Gateway, connect: Connect) -> None:
    async with connect(gateway) as worker:
        hello = pb.Hello(worker_id="w", minor_min=1, minor_max=1, tier=10)
        hello.capacity.max_in_flight = 1
        await worker.send(hello=hello)
        error = await worker.event("error")
        assert (error.code, error.message) == ("bad_hello", "tier: 10 is not between 0 and 9")
