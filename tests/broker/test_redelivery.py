"""Requests whose worker is lost, and the coroutines that wait for them."""

import asyncio
from typing import Any

import pytest

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.queue.traffic import Split
from tests.broker.scene import SOON, Receiver, Scene, failure, joined, waiting, within
from tests.core.building import a_request


def second(scene: Scene, acknowledges: bool = True, **about: Any) -> Receiver:
    """Another worker joins."""
    return joined(scene.broker, "w2", 8, acknowledges, **about)


async def answered(scene: Scene, ticket: Ticket, lease: Assignment) -> bool:
    """The client gets the answer to this lease."""
    scene.answer(lease, b"second")
    return (await within(ticket.head())).body == b"second"


@pytest.mark.parametrize("acknowledges", [True, False])
async def test_a_client_whose_worker_is_lost_gets_the_answer_of_another(acknowledges: bool) -> None:
    scene = Scene(acknowledges=acknowledges)
    ticket, _ = scene.leased()
    async with waiting(ticket.head()) as head:
        scene.broker.lose(scene.member)
        (lease,) = second(scene).handed
        scene.answer(lease, b"second")
    assert (await head).body == b"second"


async def test_the_second_worker_is_sent_the_body_from_the_start() -> None:
    scene = Scene(window=100)
    ticket, lease = scene.leased(b"one", False, method=b"PUT")
    scene.broker.allow(lease, UNBOUNDED)
    assert scene.take(lease, 100) == b"one"
    scene.broker.lose(scene.member)
    (lease,) = second(scene).handed
    await within(scene.broker.upload(ticket, b"two", True))
    scene.broker.allow(lease, UNBOUNDED)
    assert scene.take(lease, 100) + scene.take(lease, 100) == b"onetwo"
    assert await answered(scene, ticket, lease)


async def test_an_upload_that_waited_for_the_lost_worker_goes_on_for_the_next() -> None:
    scene = Scene(window=10)
    ticket, _ = scene.leased(b"", False, method=b"PUT")
    async with waiting(scene.broker.upload(ticket, bytes(range(25)), True)) as upload:
        scene.broker.lose(scene.member)
        (lease,) = second(scene).handed
        scene.broker.allow(lease, UNBOUNDED)
        taken = b""
        while not upload.done():
            taken += scene.take(lease, 7)
            await asyncio.sleep(0)
    while piece := scene.take(lease, 7):
        taken += piece
    assert taken == bytes(range(25))


async def test_who_collects_for_a_lost_worker_stops_when_another_has_it() -> None:
    scene = Scene(acknowledges=False)
    ticket, lease = scene.leased(b"part", False, method=b"PUT")
    async with waiting(scene.broker.collect(lease)) as first:
        scene.broker.lose(scene.member)
        (again,) = second(scene, acknowledges=False).handed
        async with waiting(scene.broker.collect(again)) as collect:
            await within(scene.broker.upload(ticket, b"", True))
    assert await first is None
    assert await collect == b"part"


async def test_one_of_several_can_be_lost() -> None:
    scene = Scene(acknowledges=False)
    (ticket, lease), (kept, other) = scene.leased(), scene.leased()
    scene.broker.lost(lease, "it broke off")
    assert await answered(scene, ticket, scene.receiver.handed[-1])
    assert await answered(scene, kept, other)


async def test_a_lease_that_expires_is_noticed_by_the_timer() -> None:
    scene = Scene(acknowledges=False, head_timeout=60)
    scene.broker.lose(scene.member)
    port = second(scene, acknowledges=False, lease=SOON)
    ticket = scene.broker.submit(a_request(method=b"POST"), b"", True)
    assert len(port.handed) == 1
    assert await failure(ticket.head()) == "worker_lost"


# ---------------------------------------------------------------- operators


async def test_a_paused_worker_is_handed_what_waited_when_it_is_let_go() -> None:
    scene = Scene()
    scene.broker.pause("w", True)
    ticket = scene.broker.submit(a_request(), b"", True)
    assert scene.receiver.handed == []
    scene.broker.pause("w", False)
    assert [lease.request_id for lease in scene.receiver.handed] == [ticket.id]


async def test_a_split_hands_out_what_it_lets_others_serve() -> None:
    scene = Scene(slots=0)
    port = second(scene, service="web", version="v1")
    scene.broker.divide("web", Split("web", (("v2", 1),)))
    ticket = scene.broker.submit(a_request(), b"", True)
    assert port.handed == []
    scene.broker.divide("web", None)
    assert [lease.request_id for lease in port.handed] == [ticket.id]
