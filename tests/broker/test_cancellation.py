from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.assignment import Assignment
from tests.broker.scene import SECONDS, Scene, waiting, within

AWAITS: dict[str, Callable[[Scene, Ticket, Assignment], Coroutine[Any, Any, object]]] = {
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
    ticket, lease = scene.leased(b"", False, method=b"POST")
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
            scene.broker.lose(scene.member)
    assert not scene.broker.dispatcher.exchanges
    assert not scene.held
    await within(scene.broker.idle(SECONDS))


async def test_a_wait_that_was_cancelled_can_be_begun_again() -> None:
    scene = Scene()
    ticket, lease = scene.leased()
    async with waiting(ticket.head()) as head:
        head.cancel()
    async with waiting(ticket.head()) as head:
        scene.answer(lease)
    assert (await head).status == 200
