"""The admin port of a whole gateway, and workers that do what they are told."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway
from tests.rest.conftest import SECONDS, TLS
from tests.support import plain_worker
from tests.support.scripted_worker import ScriptedWorker

ANSWERED = [b"content-length", b"2"]


class Admin:
    """What one has with curl."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON of a figure."""
        response = await self.http.get(f"/api/v1/{path}", params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, **message: Any) -> httpx2.Response:
        """Change something, as the page does."""
        return await self.http.post(
            f"/api/v1/{path}", json=message, headers={"X-Prack-Request": "1"}
        )

    async def update(self) -> Any:
        """The next update that is pushed."""
        async with self.http.stream("GET", "/api/v1/events") as response:
            updates = pushed(response)
            await anext(updates)  # comes at once
            return await anext(updates)


async def pushed(response: httpx2.Response) -> AsyncIterator[Any]:
    """The updates of a stream of events."""
    async for line in response.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


@pytest.fixture
async def admin(gateway: Gateway) -> AsyncIterator[Admin]:
    """The admin port of the gateway."""
    url = f"http://127.0.0.1:{gateway.admin_port}"
    async with httpx2.AsyncClient(base_url=url, timeout=SECONDS, verify=TLS) as http:
        yield Admin(http)


class Worker:
    """A scripted worker that answers when it is told to."""

    def __init__(self, script: ScriptedWorker) -> None:
        self.script = script

    async def answer(self, status: int = 200) -> pb.Request:
        """Take the next request, and answer it."""
        request: pb.Request = await self.script.event("requests")
        head = pb.ResponseHead(id=request.id, status=status, headers=ANSWERED, body=b"ok", end=True)
        await self.script.send(heads=[head])
        return request


Join = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def join(gateway: Gateway) -> AsyncIterator[Join]:
    """Has workers join, by these fields of their hello."""
    async with AsyncExitStack() as stack:

        async def join(name: str = "w1", slots: int = 8, **fields: Any) -> Worker:
            connected = plain_worker.connect(gateway.api_port)
            script = await stack.enter_async_context(connected)
            await script.hello(name, slots, **fields)
            return Worker(script)

        yield join
