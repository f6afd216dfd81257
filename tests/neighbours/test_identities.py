"""Whoever is known to one gateway is the same at another, by whatever he is known."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from tests.access.identities import KINDS, Secrets
from tests.neighbours.conftest import Join, Member, Pair, link
from tests.rest.conftest import SECONDS, TLS, answer


@dataclass
class Known:
    """Two gateways with the same credentials file, and its cast."""

    pair: Pair
    by: Secrets
    stack: AsyncExitStack

    async def http(self, name: str, member: Member, admin: bool = False) -> httpx2.AsyncClient:
        """Calls of somebody to a gateway."""
        port = member.gateway.admin_port if admin else member.gateway.api_port
        made = httpx2.AsyncClient(
            base_url=f"{self.by.scheme}://127.0.0.1:{port}",
            timeout=SECONDS,
            verify=self.by.context(name) or TLS,
            headers={**self.by.fields(name), "X-Prack-Request": "1"},
        )
        return await self.stack.enter_async_context(made)


@pytest.fixture(params=KINDS)
async def known(
    request: pytest.FixtureRequest, alone: Join, tmp_path: Path
) -> AsyncIterator[Known]:
    by = KINDS[request.param](tmp_path)
    settings = {"credentials": by.credentials.path, **by.settings}
    pair = Pair(await alone(**settings), await alone(**settings))
    await link(pair.here, pair.there)
    async with AsyncExitStack() as stack:
        yield Known(pair, by, stack)


async def test_operators_operate_and_others_do_not(known: Known) -> None:
    here, there = known.pair.here, known.pair.there
    for admin in (False, True):
        for name, status in (("eye", 403), ("op", 200)):
            http = await known.http(name, here, admin)
            looked = await http.get("/api/v1/versions")
            assert (looked.status_code, looked.json()["unanswered"]) == (200, [])
            who = {"worker": f"w-{admin}"}
            drained = await http.post("/api/v1/drain", json=who)
            assert drained.status_code == status
            assert (who["worker"] in there.gateway.running.broker.status().paused) == (
                status == 200
            )
        assert drained.json()["unanswered"] == []


async def test_a_worker_answers_at_any_gateway_what_is_its_own(known: Known) -> None:
    client = await known.pair.here.gateway.client()
    client.host = b"b.test"
    await client.get()
    poll = {"route": "b.test/", "service": "b"}
    polled = await (await known.http("b", known.pair.here)).get("/api/v1/request", params=poll)
    identifier = polled.json()["identifier"]
    for name, status in (("a", 404), ("b", 200)):
        http = await known.http(name, known.pair.there)
        reply = await http.post("/api/v1/response", json=answer(identifier))
        assert reply.status_code == status
    assert (await client.response()).status == 200
