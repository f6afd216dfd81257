"""The worker API on a free port, over a real broker, in the loop of the test."""

import asyncio
import base64
import secrets
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.ticket import Ticket, gateway_id
from prack_grpc.composition.private_side import WORKER_LIMITS
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.flow import Flow
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.limits import Limits
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.listener import Listener, listen
from prack_grpc.neighbours.neighbours import ALONE, Cluster, Neighbours
from prack_grpc.private.callers import Callers
from prack_grpc.private.health import Health
from prack_grpc.private.operators.steering import meshed
from prack_grpc.private.principals import Principals
from prack_grpc.rest.app import WorkerApp, create_app
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.relay import EarlierGateway
from prack_grpc.rest.switching import TOKEN
from tests.support.client import RawWorker

SECONDS = 10.0
# Making one takes longer than most tests.
TLS = ssl.create_default_context()


@dataclass
class Api:
    """A worker API that is up; the client half is played straight on the broker."""

    broker: MemoryBroker
    app: WorkerApp
    port: int
    http: httpx2.AsyncClient
    health: Health

    def submit(
        self,
        method: bytes = b"GET",
        target: bytes = b"/",
        headers: Headers | None = None,
        body: bytes = b"",
        end: bool = True,
        length: int | None = None,
        host: bytes = b"test",
    ) -> Ticket:
        """A client sends a request."""
        fields = [(b"host", host), *(headers or [])]
        size = len(body) if length is None else length
        client = ("192.0.2.7", 1234)
        id_ = secrets.token_hex(16)
        request = Request(method, b"http", host, target, b"1.1", fields, client, size, id=id_)
        return self.broker.submit(request, body, end)

    def lease(self, ticket: Ticket) -> Lease | None:
        """Which worker has this request, if one has."""
        exchange = self.broker.tickets.get(ticket)
        return exchange.lease if exchange else None

    def upload(self, ticket: Ticket) -> Flow:
        """The request body on its way."""
        return self.broker.tickets[ticket].upload

    def download(self, ticket: Ticket) -> Flow:
        """The response body on its way."""
        return self.broker.tickets[ticket].download

    async def pull(self, **query: Any) -> dict[str, Any]:
        """Poll for one request; there must be one."""
        response = await self.http.get("/api/v1/request", params={"wait": SECONDS, **query})
        assert response.status_code == 200, response.text
        request: dict[str, Any] = response.json()
        return request

    async def identifier(self) -> str:
        """Poll for one request, and only its name."""
        return str((await self.pull())["identifier"])

    async def answer(self, answer: Any) -> httpx2.Response:
        """Send an answer, or a list of them."""
        return await self.http.post("/api/v1/response", json=answer)

    async def parked(self, polls: int) -> None:
        """Wait until so many polls are waiting."""
        sessions = self.broker.dispatcher.queue.sessions
        await until(lambda: len(sessions) == polls)

    async def raw(self) -> RawWorker:
        """A connection of raw bytes."""
        return await RawWorker.connect(self.port)


def answer(identifier: str, data: bytes = b"hello", **members: Any) -> dict[str, Any]:
    """A good answer, but for `members`."""
    text = base64.b64encode(data).decode()
    return {"identifier": identifier, "code": 200, "headers": {}, "body": text, **members}


async def until(condition: Callable[[], bool]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110 - there is no event for what tests ask
            await asyncio.sleep(0)


@asynccontextmanager
async def listening(app: WorkerApp, relayed: bool = False) -> AsyncIterator[int]:
    """Serve the application, or what a successor passes on to it; gives the port."""
    sock = listen("127.0.0.1", 0, "api_port")
    admission = Admission(WORKER_LIMITS, exempt=lambda _: True)
    served = app.relayed if relayed else app
    server = HttpServer(served, WORKER_LIMITS, admission, upgrade=TOKEN)
    listener = Listener(server, sock)
    await listener.start()
    try:
        yield sock.getsockname()[1]
    finally:
        app.polls.end_all()
        listener.leave(shared=True)
        for connection in list(server.connections):
            connection.shutdown()
        await until(lambda: not server.connections)


Start = Callable[..., Awaitable[Api]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts worker APIs with these limits."""
    async with AsyncExitStack() as stack:

        async def start(
            token: str | None = None,
            predecessor: EarlierGateway | None = None,
            neighbours: Neighbours = ALONE,
            hosts: tuple[str, ...] = (),
            principals: Principals | None = None,
            **limits: Any,
        ) -> Api:
            bounds = Limits(**limits)
            broker, health = MemoryBroker(bounds), Health()
            health.started = True
            stack.callback(broker.shut_down)
            callers = Callers(token, hosts, principals)
            cluster = Cluster(gateway_id(), neighbours)
            steering = meshed(broker, cluster, bounds.max_paused)
            polls, of = Polls(broker, bounds), (callers, health, steering, cluster, predecessor)
            app = create_app(polls, broker, bounds, *of)
            port = await stack.enter_async_context(listening(app))
            http = httpx2.AsyncClient(
                base_url=f"http://127.0.0.1:{port}", timeout=SECONDS, verify=TLS
            )
            return Api(broker, app, port, await stack.enter_async_context(http), health)

        yield start


@pytest.fixture
async def api(start: Start) -> Api:
    """A worker API with the default limits and no token."""
    return await start()
