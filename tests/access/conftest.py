"""A gateway with a credentials file, and its cast."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import Gateway, Start
from tests.rest.conftest import TLS
from tests.support import plain_worker, scripted_worker
from tests.support.client import SECONDS, RawClient
from tests.support.credentials import Credentials, bearer, secret
from tests.support.scripted_worker import ScriptedWorker

BODY = base64.b64encode(b"of a").decode()
POLL: dict[str, Any] = {"route": "b.test/", "service": "b", "worker": "bw"}


@dataclass
class Site:
    """A gateway with a credentials file, and whoever calls it."""

    gateway: Gateway
    credentials: Credentials
    stack: AsyncExitStack

    async def http(self, name: str, port: str = "api") -> httpx2.AsyncClient:
        """Calls as one of the cast, or with a token that nobody has."""
        number = self.gateway.api_port if port == "api" else self.gateway.admin_port
        url, fields = f"http://127.0.0.1:{number}", {**bearer(name), "X-Prack-Request": "1"}
        made = httpx2.AsyncClient(base_url=url, timeout=SECONDS, verify=TLS, headers=fields)
        return await self.stack.enter_async_context(made)

    async def request(self, host: bytes, method: bytes = b"GET") -> RawClient:
        """A client has asked something of this host."""
        client = await self.gateway.client()
        client.host = host
        await client.get(b"/x", b"content-length: 0", method=method)
        return client

    async def stream(self, name: str, over: str) -> ScriptedWorker:
        """A stream of one of the cast, without a hello."""
        if over == "grpc":
            opened = scripted_worker.connect(self.gateway.grpc_port, secret(name))
        else:
            opened = plain_worker.connect(self.gateway.api_port, secret(name))
        return await self.stack.enter_async_context(opened)


@pytest.fixture
async def site(start: Start, tmp_path: Path) -> AsyncIterator[Site]:
    """A gateway with the whole cast."""
    credentials = Credentials.of(tmp_path / "credentials")
    gateway = await start(credentials=credentials.path)
    async with AsyncExitStack() as stack:
        yield Site(gateway, credentials, stack)


async def held(b: httpx2.AsyncClient, **query: Any) -> str:
    """What b is handed."""
    reply = await b.get("/api/v1/request", params={**POLL, "wait": SECONDS, **query})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["identifier"])


def answer(identifier: str) -> dict[str, Any]:
    return {"identifier": identifier, "code": 200, "headers": {}, "body": BODY}
