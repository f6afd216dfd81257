"""Requests that are answered later, as clients see them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.deferred.job import MAX_BODY
from tests.conftest import Gateway, Start
from tests.support.answers import answer, fields
from tests.support.client import RawClient, Response
from tests.support.scripted_worker import ScriptedWorker, connect

PREFER = b"prefer: respond-async"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
async def gateway(start: Start, tmp_path: Path) -> Gateway:
    """A gateway that keeps requests."""
    store, route = tmp_path / "store.db", "POST hooks.test/*; /later"
    return await start(async_store=str(store), async_route=route)


@asynccontextmanager
async def working(gateway: Gateway) -> AsyncIterator[ScriptedWorker]:
    """A worker that is here."""
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        yield worker


async def posted(client: RawClient, body: bytes = b"body", *fields: bytes) -> Response:
    """A POST that may be answered later."""
    await client.post(body, b"/x?a=1", *(fields or (PREFER,)))
    return await client.response()


async def asked(client: RawClient, location: bytes, method: bytes = b"GET") -> Response:
    """What has become of it."""
    await client.get(location, method=method)
    return await client.response(method == b"HEAD")


async def over(client: RawClient, location: bytes) -> Response:
    """Wait until it is over."""
    async with asyncio.timeout(30):
        response = await asked(client, location)
        while response.header(b"prack-deferred") == b"waiting":
            await asyncio.sleep(0.01)
            response = await asked(client, location)
    return response


def location_of(response: Response) -> bytes:
    """Where its answer will be."""
    location = response.header(b"location")
    assert location is not None
    return location


def code(response: Response) -> Any:
    """The code of a problem."""
    return json.loads(response.body)["code"]


async def test_who_prefers_it_is_answered_at_once(gateway: Gateway) -> None:
    client = await gateway.client()
    accepted = await posted(client)
    assert accepted.status == 202
    assert accepted.header(b"preference-applied") == b"respond-async"
    location = location_of(accepted)
    assert location.startswith(b"/.well-known/prack/deferred/")
    assert json.loads(accepted.body) == {
        "state": "waiting",
        "location": location.decode(),
        "attempts": 0,
    }
    state = await asked(client, location)
    assert (state.status, state.body) == (202, accepted.body)
    assert state.header(b"retry-after") == b"1"
    assert state.header(b"cache-control") == b"no-store"


async def test_the_answer_is_there_later_as_the_worker_gave_it(gateway: Gateway) -> None:
    client = await gateway.client()
    location = location_of(await posted(client))
    async with working(gateway) as worker:
        request = await worker.event("requests")
        assert (request.method, request.target, request.body) == (b"POST", b"/x?a=1", b"body")
        assert fields(request)[b"prack-attempt"] == b"1"
        cookies = b"set-cookie", b"a=1", b"set-cookie", b"b"
        await answer(worker, request, 202, b"made", *cookies)
        found = await over(client, location)
    assert (found.status, found.body) == (202, b"made")
    assert found.header(b"prack-deferred") == b"answered"
    assert [value for name, value in found.headers if name == b"set-cookie"] == [b"a=1", b"b"]
    assert found.header(b"cache-control") == b"no-store"
    head = await asked(client, location, b"HEAD")
    assert (head.status, head.header(b"content-length")) == (202, b"4")


async def test_a_declared_route_needs_no_preference(gateway: Gateway) -> None:
    client = await gateway.client()
    client.host = b"hooks.test"
    accepted = await posted(client, b"body", b"x: y")
    assert accepted.status == 202
    assert accepted.header(b"preference-applied") is None
    client.host = b"test"
    await client.get(b"/later/x")
    assert (await client.response()).status == 202


async def test_others_wait_for_their_answer(gateway: Gateway) -> None:
    client = await gateway.client()
    async with working(gateway) as worker:
        await client.post(b"", b"/x", b"prefer: wait=10")
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200


async def test_without_a_store_it_is_not_applied(start: Start) -> None:
    gateway = await start()
    client = await gateway.client()
    async with working(gateway) as worker:
        await client.post(b"body", b"/x", PREFER)
        request = await worker.event("requests")
        assert fields(request)[b"prefer"] == b"respond-async"
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_a_body_may_come_in_chunks_or_when_it_is_asked_for(gateway: Gateway) -> None:
    client = await gateway.client()
    async with working(gateway) as worker:
        await client.get(b"/", PREFER, b"transfer-encoding: chunked", method=b"POST")
        await client.send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await client.response()).status == 202
        assert (await worker.event("requests")).body == b"abcde"
        await client.get(b"/", PREFER, b"expect: 100-continue", b"content-length: 2", method=b"PUT")
        assert (await client.head()).status == 100
        await client.send(b"hi")
        assert (await client.response()).status == 202
        assert (await worker.event("requests")).body == b"hi"


async def test_a_body_that_is_too_large_is_refused_with_words(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.get(b"/", PREFER, b"content-length: %d" % (MAX_BODY + 1), method=b"POST")
    refused = await client.response()
    assert (refused.status, code(refused)) == (413, "body_too_large")
    assert "at most 512 KiB" in json.loads(refused.body)["detail"]
    client = await gateway.client()
    await client.get(b"/", PREFER, b"transfer-encoding: chunked", method=b"POST")
    await client.send(b"%x\r\n%b\r\n" % (MAX_BODY + 1, bytes(MAX_BODY + 1)))
    assert (await client.response()).status == 413


async def test_the_limit_of_all_bodies_holds_too(start: Start, tmp_path: Path) -> None:
    gateway = await start(async_store=str(tmp_path / "store.db"), max_body=3)
    client = await gateway.client()
    assert (await posted(client, b"1234")).status == 413
    client = await gateway.client()
    await client.get(b"/", PREFER, b"transfer-encoding: chunked", method=b"POST")
    await client.send(b"4\r\n1234\r\n0\r\n\r\n")
    assert "at most 3 bytes" in json.loads((await client.response()).body)["detail"]


async def test_the_same_key_is_the_same_request(gateway: Gateway) -> None:
    client, key = await gateway.client(), b"idempotency-key: k1"
    first = location_of(await posted(client, b"body", PREFER, key))
    assert location_of(await posted(client, b"body", PREFER, key)) == first
    other = await posted(client, b"other", PREFER, key)
    assert (other.status, code(other)) == (422, "key_reused")
    cookie = await posted(client, b"body", PREFER, key, b"cookie: somebody=else")
    assert location_of(cookie) != first
    async with working(gateway) as worker:
        for _ in range(2):
            await worker.answer(await worker.event("requests"), b"once")
        assert (await over(client, first)).body == b"once"
        assert location_of(await posted(client, b"body", PREFER, key)) == first


@pytest.mark.parametrize("key", [b"idempotency-key: ", b"idempotency-key: %b" % (b"x" * 256)])
async def test_a_key_that_is_none_is_refused(gateway: Gateway, key: bytes) -> None:
    refused = await posted(await gateway.client(), b"", PREFER, key)
    assert refused.status == 400
    assert "Idempotency-Key: expected" in json.loads(refused.body)["detail"]


@pytest.mark.parametrize("name", [b"", b"f" * 32, b"../x", b"%ff"])
async def test_a_name_that_nobody_was_given_is_unknown(gateway: Gateway, name: bytes) -> None:
    found = await asked(await gateway.client(), b"/.well-known/prack/deferred/" + name)
    assert (found.status, code(found)) == (404, "unknown_deferred")


async def test_an_answer_is_shown_on_its_own_host_and_only_read(gateway: Gateway) -> None:
    client = await gateway.client()
    location = location_of(await posted(client))
    assert (await asked(client, location, b"DELETE")).status == 404
    client.host = b"other.test"
    assert (await asked(client, location)).status == 404


async def test_a_full_store_says_so(start: Start, tmp_path: Path) -> None:
    gateway = await start(async_store=str(tmp_path / "store.db"), async_size=64 * 1024)
    refused = await posted(await gateway.client(), bytes(60 * 1024))
    assert (refused.status, code(refused)) == (503, "store_full")
    assert refused.header(b"retry-after") == b"60"


async def test_what_failed_for_good_says_why(start: Start, tmp_path: Path) -> None:
    gateway = await start(async_store=str(tmp_path / "store.db"), async_attempts=1)
    client = await gateway.client()
    location = location_of(await posted(client))
    async with working(gateway) as worker:
        await answer(worker, await worker.event("requests"), 500)
        failed = await over(client, location)
    assert (failed.status, code(failed)) == (502, "deferred_failed")
    assert "1 attempts failed, the last one so: a worker answered 500" in failed.body.decode()


async def test_nobody_is_called_without_a_list(gateway: Gateway) -> None:
    field = b'prefer: respond-async; callback="https://api.test/done"'
    refused = await posted(await gateway.client(), b"", field)
    assert refused.status == 400
    assert "Prefer: callback: api.test may not be called" in json.loads(refused.body)["detail"]


async def test_who_asks_is_called_back(start: Start, tmp_path: Path) -> None:
    called: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    async def callee(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await called.put((head, await reader.readexactly(length)))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    gateway = await start(
        async_store=str(tmp_path / "store.db"),
        callback_hosts="127.0.0.0/8",
        callback_secret=SECRET,
    )
    async with await asyncio.start_server(callee, "127.0.0.1", 0) as server:
        url = b"http://127.0.0.1:%d/done?x=1" % server.sockets[0].getsockname()[1]
        client = await gateway.client()
        accepted = await posted(client, b"", b'prefer: respond-async; callback="%b"' % url)
        assert accepted.status == 202
        async with working(gateway) as worker:
            await answer(worker, await worker.event("requests"), 201)
            async with asyncio.timeout(30):
                head, body = await called.get()
    assert head.startswith(b"POST /done?x=1 HTTP/1.1\r\n")
    told = json.loads(body)
    location = location_of(accepted).decode()
    assert told["type"] == "request.answered"
    assert (told["data"]["location"], told["data"]["status"]) == (location, 201)
