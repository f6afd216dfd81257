"""Calls of workers and of browsers that reach another gateway than the one they are about."""

import asyncio
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.neighbours.conftest import Join, Member, Pair, link, part
from tests.rest.conftest import answer, until
from tests.support.client import RawClient
from tests.support.credentials import Credentials, bearer, secret

OURS = {"X-Prack-Request": "1"}


async def handed_out(member: Member, **fields: Any) -> tuple[RawClient, str]:
    """A request of this gateway that a REST worker holds, and by which name."""
    client = await member.gateway.client()
    await client.get()
    reply = await member.rest.get("/api/v1/request", **fields)
    assert reply.status_code == 200, reply.text
    return client, reply.json()["identifier"]


async def test_identifiers_begin_with_their_gateway(pair: Pair) -> None:
    _, identifier = await handed_out(pair.here)
    assert identifier.startswith(pair.here.id)
    assert len(identifier.partition(".")[0]) == 32


async def test_an_answer_reaches_the_gateway_that_has_handed_out(pair: Pair) -> None:
    client, identifier = await handed_out(pair.here)
    own, other = await handed_out(pair.there)
    replies = await pair.there.rest.post(
        "/api/v1/response", json=[answer(identifier, b"here"), answer(other, b"there")]
    )
    assert [result["status"] for result in replies.json()["results"]] == [200, 200]
    assert (await client.response()).body == b"here"
    assert (await own.response()).body == b"there"
    again = await pair.there.rest.post("/api/v1/response", json=answer(identifier))
    assert (again.status_code, again.json()["code"]) == (409, "already_answered")


async def test_a_raw_answer_of_any_size_passes_as_it_comes(pair: Pair) -> None:
    client, identifier = await handed_out(pair.here)
    url, body = f"/api/v1/requests/{identifier}/response", b"x" * 3_000_000
    sending = asyncio.create_task(pair.there.rest.post(url, content=body))
    assert (await client.response()).body == body
    assert (await sending).status_code == 200


async def test_calls_about_a_lease_reach_its_gateway(pair: Pair) -> None:
    _, identifier = await handed_out(pair.here)
    url = f"/api/v1/requests/{identifier}"
    assert (await pair.there.rest.get(url)).json()["state"] == "leased"
    assert (await pair.there.rest.post(f"{url}/release", json={})).status_code == 200
    assert (await pair.there.rest.get(url)).json()["state"] == "returned"


async def test_what_is_about_a_gateway_that_is_no_neighbour_is_unknown(pair: Pair) -> None:
    _, identifier = await handed_out(pair.here)
    await part(pair.here, pair.there)
    reply = await pair.there.rest.get(f"/api/v1/requests/{identifier}")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_request")


# ---------------------------------------------------------------- credentials


@pytest.fixture
async def scoped(alone: Join, tmp_path: Path) -> Pair:
    """Both have the same credentials file."""
    path = Credentials.of(tmp_path / "credentials").path
    both = Pair(await alone(credentials=path), await alone(credentials=path))
    await link(both.here, both.there)
    return both


async def test_only_who_holds_it_may_answer_elsewhere(scoped: Pair) -> None:
    client = await scoped.here.gateway.client()
    client.host = b"b.test"
    await client.get()
    query = {"route": "b.test/", "service": "b"}
    reply = await scoped.here.rest.get("/api/v1/request", headers=bearer("b"), params=query)
    identifier = reply.json()["identifier"]
    url = f"/api/v1/requests/{identifier}"
    forged = {**bearer("a"), "Prack-Principal": "b"}
    assert (await scoped.there.rest.get(url, headers=forged)).status_code == 404
    assert (await scoped.there.rest.get(url, headers=bearer("b"))).status_code == 200
    assert (await scoped.there.rest.get(url)).status_code == 401


async def test_what_is_refused_is_asked_of_nobody(scoped: Pair) -> None:
    drain = {"service": "b", "version": ""}
    refused = await scoped.here.rest.post("/api/v1/drain", json=drain, headers=bearer("a"))
    assert refused.status_code == 403
    for member in (scoped.here, scoped.there):
        assert not member.gateway.running.broker.status().paused


async def test_nobody_but_a_gateway_tells_words(scoped: Pair) -> None:
    word = {"words": [[["worker", "w1"], True, [99, "a"]]]}
    forged = {**bearer("op"), "Prack-Principal": "op"}
    reply = await scoped.here.rest.post("/api/v1/words", json=word, headers=forged)
    assert reply.status_code == 404
    assert not scoped.here.gateway.running.broker.status().paused


def browser(member: Member, cookies: httpx2.Cookies | None = None) -> httpx2.AsyncClient:
    """The page of this gateway in a browser with these cookies."""
    url = member.admin.base_url
    return httpx2.AsyncClient(base_url=url, cookies=cookies, verify=False)


async def test_a_login_at_one_gateway_counts_at_all(scoped: Pair) -> None:
    async with browser(scoped.here) as here:
        reply = await here.post("/login", json={"token": secret("op")}, headers=OURS)
        assert reply.status_code == 200
        async with browser(scoped.there, here.cookies) as there:
            assert (await there.get("/api/v1/me")).json()["principal"] == "op"
            drained = await there.post("/api/v1/drain", json={"worker": "w1"}, headers=OURS)
            assert drained.status_code == 200
            foreign = {"Origin": "http://evil.test"}
            assert (await there.get("/api/v1/me", headers=foreign)).status_code == 403
            await until(lambda: scoped.there.gateway.running.broker.status().paused == ["w1"])
            assert (await there.post("/logout", headers=OURS)).status_code == 200
            assert (await there.get("/api/v1/me")).status_code == 401
        assert (await here.get("/api/v1/me")).status_code == 401


async def test_a_made_up_cookie_is_worth_nothing_elsewhere(scoped: Pair) -> None:
    cookies = httpx2.Cookies({"prack_session": scoped.here.id + "x" * 43})
    async with browser(scoped.there, cookies) as there:
        assert (await there.get("/api/v1/me")).status_code == 401
