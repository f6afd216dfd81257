"""A gateway that has taken over, and workers that hold requests of the one before."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.private.principals import Principals
from tests.rest.conftest import Api, Start, answer, listening, until
from tests.support.credentials import Credentials, bearer

MIB = 1024 * 1024


@dataclass
class Before:
    """The gateway before, as the handover shows it; calls reach it without a token."""

    api: Api
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False  # it ends before it answers
    port: int = 0  # where it believes who calls

    async def dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port or self.api.port)
        if self.broken:
            writer.close()
        return reader, writer


@dataclass
class Both:
    """The two gateways; workers only call the new one."""

    before: Before
    old: Api
    new: Api

    async def held(self, target: bytes = b"/") -> tuple[Any, str]:
        """A request that a worker has from the old gateway, and the name of its lease."""
        ticket = self.old.submit(target=target)
        return ticket, await self.old.identifier()


@pytest.fixture
async def both(start: Start) -> Both:
    """The old one waits for nobody any more."""
    # Over the sockets of an upgrade nobody is asked by which name he calls.
    old = await start(hosts=("predecessor",))
    old.app.polls.hurry()
    before = Before(old)
    return Both(before, old, await start(predecessor=before))


async def test_an_answer_goes_to_the_gateway_whose_request_it_is(both: Both) -> None:
    ticket, identifier = await both.held()
    mine = both.new.submit()
    own = await both.new.identifier()
    replies = await both.new.answer([answer(own, b"new"), answer(identifier, b"old"), answer("x")])
    assert [result["status"] for result in replies.json()["results"]] == [200, 200, 404]
    assert (await ticket.head()).body == b"old"
    assert (await mine.head()).body == b"new"


async def test_a_bad_answer_is_explained(both: Both) -> None:
    _, identifier = await both.held()
    reply = await both.new.answer(answer(identifier, code=99))
    assert (reply.status_code, reply.json()["code"]) == (422, "bad_answer")
    assert reply.json()["field"] == "code"


async def test_a_poll_brings_what_waits_there_first(both: Both) -> None:
    tickets = [
        api.submit(target=b"/%d" % i) for i, api in enumerate((both.new, both.old, both.old))
    ]
    first = (await both.new.http.get("/api/v1/request")).json()
    second = (await both.new.http.get("/api/v1/request", params={"max": 5})).json()["requests"]
    third = await both.new.http.post("/api/v1/exchange", json={"max": 5})
    pulled = [first, *second, *third.json()["requests"]]
    assert [one["environment"]["PATH_INFO"] for one in pulled] == ["/1", "/2", "/0"]
    await both.new.answer([answer(one["identifier"]) for one in pulled])
    assert [(await ticket.head()).body for ticket in tickets] == [b"hello"] * 3


async def test_an_exchange_brings_what_waits_there_first(both: Both) -> None:
    both.old.submit(target=b"/old")
    reply = await both.new.http.post("/api/v1/exchange", json={"responses": [answer("x")]})
    members = reply.json()
    assert [result["status"] for result in members["results"]] == [404]
    assert members["requests"][0]["environment"]["PATH_INFO"] == "/old"


async def test_what_comes_there_later_is_found_by_a_poll_that_was_parked(both: Both) -> None:
    async def pull(**query: int) -> str:
        found = ""
        while "/late" not in found:
            found = (await both.new.http.get("/api/v1/request", params=query)).text
        return found

    polls = [asyncio.create_task(pull()), asyncio.create_task(pull(max=1))]
    await both.new.parked(2)
    both.old.submit(target=b"/late"), both.old.submit(target=b"/late")
    await asyncio.gather(*polls)


async def test_a_body_that_is_on_its_way_is_waited_for(both: Both) -> None:
    ticket = both.old.submit(b"POST", body=b"a" * 1000, end=False, length=MIB)
    pulling = asyncio.create_task(both.new.pull())
    await until(lambda: both.old.lease(ticket) is not None)
    await both.old.broker.upload(ticket, b"a" * (MIB - 1000), True)
    assert (await pulling)["environment"]["CONTENT_LENGTH"] == str(MIB)


async def test_raw_bodies_pass_both_ways_as_they_come(both: Both) -> None:
    ticket = both.old.submit(b"POST", body=b"first", end=False, length=10)
    async with both.new.http.stream("GET", "/api/v1/requests/next") as pulled:
        pieces = pulled.aiter_raw()
        begun = await anext(pieces)
        assert begun.endswith(b"\r\n\r\nfirst")
        await both.old.broker.upload(ticket, b" last", True)
        assert b"".join([piece async for piece in pieces]) == b" last"
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"begun"
        await go_on.wait()
        yield b"x" * MIB

    url = f"/api/v1/requests/{pulled.headers['prack-id']}/response"
    sending = asyncio.create_task(both.new.http.post(url, content=body()))
    head = await ticket.head()
    assert head.status == 200
    size = len(await ticket.chunk() or b"")
    assert size == 5
    go_on.set()
    while (chunk := await ticket.chunk()) is not None:
        size += len(chunk)
        both.old.broker.consumed(ticket)
    assert size == MIB + 5
    assert (await sending).json() == {"message": "thank you"}


async def test_a_worker_that_leaves_an_upload_cuts_the_response(both: Both) -> None:
    ticket, identifier = await both.held()
    client = await both.new.raw()
    await client.get(
        b"/api/v1/requests/%b/response" % identifier.encode(), b"content-length: 9", method=b"POST"
    )
    await client.send(b"begun")
    assert (await ticket.head()).status == 200
    client.reset()
    await until(lambda: ticket not in both.old.broker.tickets)


@pytest.mark.parametrize(
    ("verb", "state"), [("release", "returned"), ("extend", "leased"), ("error", "answered")]
)
async def test_calls_about_a_lease_reach_its_gateway(both: Both, verb: str, state: str) -> None:
    _, identifier = await both.held()
    body = {"ms": 1000} if verb == "extend" else {}
    reply = await both.new.http.post(f"/api/v1/requests/{identifier}/{verb}", json=body)
    assert reply.status_code == 200
    reply = await both.new.http.get(f"/api/v1/requests/{identifier}")
    assert reply.json()["state"] == state


async def test_what_nobody_knows_is_unknown(both: Both) -> None:
    reply = await both.new.http.get("/api/v1/requests/nobody.1")
    assert (reply.status_code, reply.json()["code"]) == (404, "unknown_request")


async def test_when_the_old_gateway_has_gone_its_requests_are_unknown(both: Both) -> None:
    _, identifier = await both.held()
    both.before.gone.set()
    assert (await both.new.answer(answer(identifier))).status_code == 404
    both.new.submit(target=b"/mine")
    assert (await both.new.pull())["environment"]["PATH_INFO"] == "/mine"


async def test_an_old_gateway_that_cannot_be_reached_stops_nobody(both: Both) -> None:
    both.before.broken = True
    both.new.submit(target=b"/mine")
    assert (await both.new.pull())["environment"]["PATH_INFO"] == "/mine"
    assert (await both.new.answer(answer("nobody.1"))).status_code == 404


# ---------------------------------------------------------------- credentials


@pytest.fixture
async def scoped(start: Start, tmp_path: Path) -> AsyncIterator[Both]:
    """Both have the same credentials file."""
    principals = Principals(Credentials.of(tmp_path / "credentials").path, 0.0)
    old = await start(principals=principals)
    old.app.polls.hurry()
    async with listening(old.app, relayed=True) as port:
        before = Before(old, port=port)
        yield Both(before, old, await start(principals=principals, predecessor=before))


def as_(name: str, **more: str) -> dict[str, Any]:
    """The fields of a call."""
    return {"headers": {**bearer(name), **more}}


A = {"routes": ["a.test/"], "service": "a", "wait": 0}
B = {"routes": ["b.test/"], "service": "b", "wait": 0}


async def test_what_is_there_is_for_whoever_has_it_there(scoped: Both) -> None:
    ticket = scoped.old.submit(host=b"b.test")
    http = scoped.new.http
    polled = await http.post("/api/v1/exchange", json=A, **as_("a"))
    assert polled.json()["requests"] == []
    polled = await http.post("/api/v1/exchange", json=B, **as_("b"))
    (request,) = polled.json()["requests"]
    name = request["identifier"]
    path = f"/api/v1/requests/{name}"
    for forged in ({}, {"Prack-Principal": "b"}):
        fields = as_("a", **forged)
        stolen = await http.post("/api/v1/response", json=answer(name), **fields)
        assert (stolen.status_code, stolen.json()["code"]) == (404, "unknown_request")
        assert (await http.get(path, **fields)).status_code == 404
    assert (await http.get(path, **as_("b"))).json()["state"] == "leased"
    assert (await http.post("/api/v1/response", json=answer(name), **as_("b"))).status_code == 200
    assert (await ticket.head()).status == 200


async def test_whom_the_gateway_before_does_not_know_has_nothing_there(scoped: Both) -> None:
    ticket = scoped.old.submit(host=b"b.test")
    reader, writer = await scoped.before.dial()
    call = b"GET /api/v1/request?route=b.test/&wait=0 HTTP/1.1\r\nHost: predecessor\r\n"
    writer.write(call + b"Prack-Principal: stranger\r\n\r\n")
    assert (await reader.readline()).split()[1] == b"403"
    writer.close()
    assert scoped.old.lease(ticket) is None
