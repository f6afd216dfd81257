"""A gateway with a credentials file, and its cast."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.access.identities import KINDS, Secrets
from tests.conftest import Gateway, Start
from tests.rest.conftest import TLS
from tests.support import plain_worker, scripted_worker
from tests.support.client import SECONDS, RawClient, RawWorker
from tests.support.credentials import Credentials
from tests.support.scripted_worker import ScriptedWorker

BODY = base64.b64encode(b"of a").decode()
POLL: dict[str, Any] = {"route": "b.test/", "service": "b", "worker": "bw"}


@dataclass
class Site:
    """A gateway with a credentials file, and whoever calls it."""

    gateway: Gateway
    known: Secrets
    stack: AsyncExitStack

    @property
    def credentials(self) -> Credentials:
        """The file."""
        return self.known.credentials

    async def http(self, name: str, port: str = "api") -> httpx2.AsyncClient:
        """Calls as one of the cast, or with what nobody has."""
        number = self.gateway.api_port if port == "api" else self.gateway.admin_port
        url = f"{self.known.scheme}://127.0.0.1:{number}"
        fields, trust = self.known.fields(name), self.known.context(name) or TLS
        made = httpx2.AsyncClient(base_url=url, timeout=SECONDS, verify=trust, headers=fields)
        made.headers["X-Prack-Request"] = "1"
        return await self.stack.enter_async_context(made)

    async def raw(self, name: str) -> tuple[RawClient, list[bytes]]:
        """The same in bytes: a connection to the worker port, and the fields of each call."""
        raw = await RawWorker.connect(self.gateway.api_port, context=self.known.context(name))
        self.stack.push_async_callback(raw.close)
        fields = self.known.fields(name).items()
        return raw, [f"{field}: {value}".encode() for field, value in fields]

    async def request(self, host: bytes, method: bytes = b"GET") -> RawClient:
        """A client has asked something of this host."""
        client = await self.gateway.client()
        client.host = host
        await client.get(b"/x", b"content-length: 0", method=method)
        return client

    async def stream(self, name: str, over: str) -> ScriptedWorker:
        """A stream of one of the cast, without a hello."""
        known, token = self.known, self.known.token(name)
        if over == "grpc":
            port, secure = self.gateway.grpc_port, known.channel(name)
            opened = scripted_worker.connect(port, token, credentials=secure)
        else:
            context = known.context(name)
            opened = plain_worker.connect(self.gateway.api_port, token, context=context)
        return await self.stack.enter_async_context(opened)


@pytest.fixture
def known_by() -> str:
    """By what the cast is known, if a test does not say."""
    return "secret"


@pytest.fixture
async def site(start: Start, tmp_path: Path, known_by: str) -> AsyncIterator[Site]:
    """A gateway with the whole cast."""
    known = KINDS[known_by](tmp_path)
    gateway = await start(credentials=known.credentials.path, **known.settings)
    async with AsyncExitStack() as stack:
        yield Site(gateway, known, stack)


async def held(b: httpx2.AsyncClient, **query: Any) -> str:
    """What b is handed."""
    reply = await b.get("/api/v1/request", params={**POLL, "wait": SECONDS, **query})
    assert reply.status_code == 200, reply.text
    return str(reply.json()["identifier"])


def answer(identifier: str) -> dict[str, Any]:
    return {"identifier": identifier, "code": 200, "headers": {}, "body": BODY}
