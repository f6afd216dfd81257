"""An application that does not heed that its client has left."""

import asyncio
from typing import Any

import pytest

from prack_worker.asgi.application import AsgiApplication
from prack_worker.exchange import CancelReason
from prack_worker.testing import FakeExchange


@pytest.mark.parametrize(
    "exchange",
    [FakeExchange(), FakeExchange(body=None), FakeExchange(body=None, websocket=True)],
    ids=["request", "upload", "websocket"],
)
async def test_one_that_asks_on_and_on_leaves_turns_of_the_loop_to_others(
    exchange: FakeExchange,
) -> None:
    received: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        while len(received) < 1000:
            received.append((await receive())["type"])

    exchange.cancel(CancelReason.CLIENT_GONE)
    task = asyncio.create_task(AsgiApplication(app).handle(exchange))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert 0 < len(received) < 10
    assert received[0].endswith(".disconnect")
