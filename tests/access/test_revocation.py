"""Whoever is taken out of the credentials file is out within a second."""

import asyncio
import logging
from typing import Any

import grpc
import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc import access
from tests.access.conftest import Site, answer
from tests.access.identities import KINDS
from tests.support.client import SECONDS, Cut

# Whatever shows who one is.
EACH = pytest.mark.parametrize("known_by", KINDS)
ROUTES = {"routes": [pb.Route(host="a.test")], "service": "a"}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is looked at every 50 ms; that it is often enough has its own test."""
    monkeypatch.setattr(access, "LOOK_SECONDS", 0.05)


def test_the_file_is_looked_at_so_often_that_a_second_is_enough() -> None:
    assert 2 * access.LOOK_SECONDS <= 0.5


@EACH
@pytest.mark.parametrize("over", ["grpc", "plain"])
async def test_a_stream_that_is_revoked_ends_within_a_second(
    often: None, site: Site, over: str, caplog: pytest.LogCaptureFixture
) -> None:
    a, b = await site.stream("a", over), await site.stream("b", over)
    await a.hello("w", 1, **ROUTES)
    await b.hello("w", 1, routes=[pb.Route(host="b.test")], service="b")
    lost, unharmed = await site.request(b"a.test", b"POST"), await site.request(b"b.test")
    await a.event("requests")
    request = await b.event("requests")
    with caplog.at_level(logging.INFO):
        site.credentials.write("b", "op", "eye")
        error = await a.event("error", 1.0)
    assert (error.code, error.retry) == ("revoked", True)
    assert (await lost.response()).status == 502
    await b.answer(request)
    assert (await unharmed.response()).status == 200
    actions = [vars(one).get("action") for one in caplog.records]
    assert "credentials_reloaded" in actions
    assert "revoked" in actions
    if over == "grpc":
        assert (await a.end())[0] is grpc.StatusCode.UNAUTHENTICATED


@EACH
async def test_polls_and_what_they_hold_end_at_once(often: None, site: Site) -> None:
    a = await site.http("a")
    asked: dict[str, Any] = {"route": "a.test/", "service": "a", "worker": "aw", "wait": 60}
    lost = await site.request(b"a.test", b"POST")
    identifier = (await a.get("/api/v1/request", params=asked)).json()["identifier"]
    upload, fields = await site.raw("a")
    path = f"/api/v1/requests/{identifier}/response".encode()
    await upload.get(path, *fields, b"content-length: 9", method=b"POST")
    await upload.send(b"x")
    parked = asyncio.create_task(a.get("/api/v1/request", params=asked))
    leases = site.gateway.running.polls.leases
    sessions = site.gateway.core.queue.sessions
    while len(sessions) < 2 or not leases.waiting:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    site.credentials.write("b", "op", "eye")
    async with asyncio.timeout(10):  # a busy machine aside, half a second
        assert (await parked).status_code == 401
        with pytest.raises(Cut):
            await lost.response()
        assert (await upload.head()).status == 409
    assert (await a.post("/api/v1/response", json=answer(identifier))).status_code == 401
    assert list(site.gateway.core.queue.sessions) == []


@EACH
async def test_a_call_that_began_before_its_revocation_takes_nothing_after_it(
    often: None, site: Site
) -> None:
    late, fields = await site.raw("a")
    body = b'{"routes": ["a.test/"], "service": "a", "wait": 5}'
    length = b"content-length: %d" % len(body)
    await late.get(b"/api/v1/exchange", *fields, length, method=b"POST")
    await late.send(body[:1])
    http = await site.http("a")
    assert (await http.get("/api/v1/info")).status_code == 200
    site.credentials.write("b")
    while (await http.get("/api/v1/info")).status_code == 200:
        pass
    await late.send(body[1:])
    assert (await late.response()).status == 403


@EACH
async def test_the_page_of_a_viewer_that_is_revoked_ends(often: None, site: Site) -> None:
    eye = await site.http("eye", "admin")
    async with eye.stream("GET", "/api/v1/events") as response:
        assert response.status_code == 200
        site.credentials.write("a")
        async with asyncio.timeout(SECONDS):
            async for _ in response.aiter_lines():
                pass
