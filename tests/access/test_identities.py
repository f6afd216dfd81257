"""Certificates and tokens of issuers: what counts, under which names, and until when."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc import access
from prack_grpc.private.credentials import BadCredentials
from prack_grpc.private.jwt import tokens
from tests.access.conftest import Site, answer
from tests.access.identities import Certificates, Jwts
from tests.conftest import Start
from tests.support import plain_worker, scripted_worker
from tests.support.client import SECONDS
from tests.support.credentials import hashed, secret
from tests.support.issuer import jwks_server, table

certificate = pytest.mark.parametrize("known_by", ["certificate"])
jwt = pytest.mark.parametrize("known_by", ["jwt"])
ROUTES: dict[str, Any] = {"routes": [pb.Route(host="a.test")], "service": "a"}
A_POLL: dict[str, Any] = {"route": "a.test/", "service": "a"}


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in test_revocation."""
    monkeypatch.setattr(access, "LOOK_SECONDS", 0.05)


def certificates(site: Site) -> Certificates:
    assert isinstance(site.known, Certificates)
    return site.known


def jwts(site: Site) -> Jwts:
    assert isinstance(site.known, Jwts)
    return site.known


# ---------------------------------------------------------------- certificates


def both(site: Site) -> None:
    """The operator has a secret from now on, the others have certificates."""
    proof = site.credentials.proof
    site.credentials.proof = lambda name: hashed(name) if name == "op" else proof(name)


@certificate
async def test_a_token_counts_before_a_certificate(often: None, site: Site) -> None:
    both(site)
    site.credentials.write("a", "op")
    http = await site.http("a")
    assert (await http.get("/api/v1/queue")).status_code == 403
    http.headers["Authorization"] = f"Bearer {secret('op')}"
    while (reply := await http.get("/api/v1/queue")).status_code == 401:
        pass
    assert reply.status_code == 200
    assert (await http.get("/api/v1/request", params=A_POLL)).status_code == 403


@certificate
async def test_a_wrong_token_is_refused_whatever_the_certificate(site: Site) -> None:
    http = await site.http("a")
    for value in ("Bearer guess", "Basic YTpi", "Bearer", ""):
        reply = await http.get("/api/v1/info", headers={"Authorization": value})
        assert reply.status_code == 401
    assert (await http.get("/api/v1/info")).status_code == 200
    secure = certificates(site).channel("a")
    opened = scripted_worker.connect(site.gateway.grpc_port, "guess", credentials=secure)
    async with opened as worker:
        assert (await worker.end())[0] is grpc.StatusCode.UNAUTHENTICATED
    raw, _ = await site.raw("a")
    await raw.get(plain_worker.PATH, *plain_worker.UPGRADE, b"authorization: Bearer guess")
    assert (await raw.head()).status == 401


@certificate
async def test_a_certificate_that_no_entry_names_opens_nothing(site: Site) -> None:
    for port in ("api", "admin"):
        reply = await (await site.http("nobody", port)).get("/api/v1/workers")
        assert (reply.status_code, reply.json()["code"]) == (401, "unauthenticated")
    worker = await site.stream("nobody", "grpc")
    assert (await worker.end())[0] is grpc.StatusCode.UNAUTHENTICATED


@certificate
async def test_methods_that_there_are_not_are_told_to_those_only_who_may_call(site: Site) -> None:
    for name, told in {"nobody": "UNAUTHENTICATED", "a": "UNIMPLEMENTED"}.items():
        secure = certificates(site).channel(name)
        address = f"127.0.0.1:{site.gateway.grpc_port}"
        async with grpc.aio.secure_channel(address, secure) as channel:
            for method in ("/prack.v1.WorkerService/None", "/None/None"):
                call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call(b"")
                assert raised.value.code() is grpc.StatusCode[told]


@certificate
@pytest.mark.parametrize(
    "sans", [(), ("DNS:x.host-of-op.example",), ("DNS:*.example",), ("URI:host-of-op.example",)]
)
async def test_only_a_whole_alternative_name_counts(site: Site, sans: tuple[str, ...]) -> None:
    """Not the common name, no part of a name, no pattern."""
    authority = certificates(site).authority
    assert authority is not None
    own = authority.issue(*sans, file="like-op", subject="host-of-op.example")
    certificates(site).issued["like-op"] = own
    status = 200 if sans[:1] == ("URI:host-of-op.example",) else 401
    assert (await (await site.http("like-op")).get("/api/v1/queue")).status_code == status


@certificate
async def test_without_a_token_only_own_names_are_called(site: Site) -> None:
    """So that no page comes by a name of its own, with the certificate of the browser."""
    http = await site.http("op")
    for host, status in {"localhost": 200, "127.0.0.1:1": 200, "evil.example": 403}.items():
        reply = await http.get("/api/v1/queue", headers={"Host": host})
        assert reply.status_code == status
    assert reply.json()["code"] == "unknown_host"
    for field in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        reply = await http.get("/api/v1/queue", headers=field)
        assert (reply.status_code, reply.json()["code"]) == (403, "cross_site")


@certificate
async def test_a_login_counts_before_the_certificate_of_the_browser(
    often: None, site: Site
) -> None:
    both(site)
    site.credentials.write("eye", "op")
    http = await site.http("eye", "admin")
    assert (await http.get("/api/v1/me")).json() == {"principal": "eye", "operates": False}
    while (reply := await http.post("/login", json={"token": secret("op")})).status_code == 401:
        pass
    assert reply.status_code == 200
    assert (await http.get("/api/v1/me")).json() == {"principal": "op", "operates": True}
    await http.post("/logout")
    assert (await http.get("/api/v1/me")).json()["principal"] == "eye"


async def test_a_certificate_needs_an_authority(start: Start, tmp_path: Path) -> None:
    known = Certificates.of(tmp_path)
    del known.settings["client_ca"]
    with pytest.raises(BadCredentials, match="credentials: token a: certificate: needs --client"):
        await start(credentials=known.credentials.path, **known.settings)


# ---------------------------------------------------------------- tokens of issuers


@jwt
@pytest.mark.parametrize("over", ["grpc", "plain"])
async def test_a_stream_ends_with_its_token(often: None, site: Site, over: str) -> None:
    end = time.time() + 1.0
    jwts(site).given["a"] = jwts(site).issuer.token("a", exp=end)
    worker = await site.stream("a", over)
    await worker.hello("w", 1, **ROUTES)
    error = await worker.event("error")
    assert (error.code, error.retry) == ("revoked", True)
    assert time.time() >= end


@jwt
async def test_polls_end_with_their_token_and_the_next_one_goes_on(often: None, site: Site) -> None:
    end = time.time() + 1.0
    known = jwts(site)
    known.given["a"] = known.issuer.token("a", exp=end)
    http = await site.http("a")
    reply = await http.get("/api/v1/request", params={**A_POLL, "wait": SECONDS})
    assert reply.status_code == 401
    assert time.time() >= end
    http.headers["Authorization"] = f"Bearer {known.issuer.token('a')}"
    reply = await http.get("/api/v1/request", params={**A_POLL, "wait": 0})
    assert reply.status_code == 404


@jwt
@pytest.mark.parametrize("over", ["grpc", "plain"])
async def test_a_stream_is_followed_by_one_with_the_next_token(
    often: None, site: Site, over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SOON", 1000.0)
    known = jwts(site)
    known.given["a"] = known.issuer.token("a", exp=time.time() + 1000.5)
    about = {**ROUTES, "instance": b"i" * 16}
    old = await site.stream("a", over)
    await old.hello("w", 1, **about)
    first = await site.request(b"a.test", b"POST")
    held = await old.event("requests")
    goaway = await old.event("goaway")
    assert (goaway.drain_ack, goaway.last_id) == (True, held.id)
    same = await site.stream("a", over)
    await same.hello("w", 1, **about)
    known.given["a"] = known.issuer.token("a")
    new = await site.stream("a", over)
    await new.hello("w", 1, **about)
    await old.answer(held)
    assert (await first.response()).status == 200
    assert not same.seen("goaway")
    await same.close()
    second = await site.request(b"a.test")
    await new.answer(await new.event("requests"))
    assert (await second.response()).status == 200


@jwt
async def test_what_a_poll_holds_is_answered_with_the_next_token(site: Site) -> None:
    client = await site.request(b"a.test", b"POST")
    first = await site.http("a")
    reply = await first.get("/api/v1/request", params={**A_POLL, "wait": SECONDS})
    message = answer(reply.json()["identifier"])
    b = await site.http("b")
    assert (await b.post("/api/v1/response", json=message)).status_code == 404
    first.headers["Authorization"] = f"Bearer {jwts(site).issuer.token('a')}"
    assert (await first.post("/api/v1/response", json=message)).status_code == 200
    assert (await client.response()).status == 200


@jwt
async def test_the_page_takes_a_token_of_an_issuer(site: Site) -> None:
    large = jwts(site).issuer.token("eye", more="x" * (tokens.MAX_TOKEN * 71 // 100))
    http = await site.http("nobody", "admin")
    del http.headers["Authorization"]
    reply = await http.post("/login", json={"token": large})
    assert reply.json()["principal"].startswith("idp:eye#")
    assert (await http.get("/api/v1/me")).json()["operates"] is False


@jwt
@pytest.mark.parametrize("over", ["grpc", "plain"])
async def test_a_large_token_goes_over_every_transport(site: Site, over: str) -> None:
    large = jwts(site).issuer.token("a", more="x" * (tokens.MAX_TOKEN * 71 // 100))
    assert 0.95 < len(large) / tokens.MAX_TOKEN < 1
    jwts(site).given["a"] = large
    assert (await (await site.http("a")).get("/api/v1/info")).status_code == 200
    await (await site.stream("a", over)).hello("w", 1, **ROUTES)


@pytest.fixture
def shown(tmp_path: Path) -> Certificates:
    """An authority, and the certificate of a server."""
    return Certificates.of(tmp_path)


def at(known: Jwts, url: str, shown: Certificates) -> Jwts:
    """The same cast, with the keys of its issuer at a URL."""
    assert shown.authority is not None
    head = table(url, ca=str(shown.authority.file))
    return replace(known, credentials=replace(known.credentials, head=head))


async def test_the_first_call_finds_the_keys_and_a_new_key_is_found_soon(
    start: Start, tmp_path: Path, shown: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prack_grpc.private.jwt.sources.AGAIN", 0.01)
    known = Jwts.of(tmp_path)
    async with AsyncExitStack() as stack:
        context = shown.server()
        server = await stack.enter_async_context(jwks_server(known.issuer.jwks(), context))
        known = at(known, server.url, shown)
        known.credentials.write("op")
        site = Site(await start(credentials=known.credentials.path), known, stack)
        http = await site.http("op")
        assert (await http.get("/api/v1/queue")).status_code == 200
        known.issuer.renew("second")
        server.content = known.issuer.jwks()
        http.headers["Authorization"] = f"Bearer {known.issuer.token('op')}"
        assert (await http.get("/api/v1/queue")).status_code == 401
        async with asyncio.timeout(SECONDS):
            while (await http.get("/api/v1/queue")).status_code == 401:
                pass


async def test_a_silent_server_of_keys_holds_up_the_start_for_a_while_only(
    start: Start, tmp_path: Path, shown: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_WAITING", 0.05)
    known = Jwts.of(tmp_path)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(jwks_server("", shown.server()))
        server.silent = True
        known = at(known, server.url, shown)
        secret_of = known.credentials.proof
        known.credentials.proof = lambda one: hashed(one) if one == "op" else secret_of(one)
        known.credentials.write("a", "op")
        known.given["op"] = secret("op")
        site = Site(await start(credentials=known.credentials.path), known, stack)
        assert (await (await site.http("op")).get("/api/v1/queue")).status_code == 200
        assert (await (await site.http("a")).get("/api/v1/info")).status_code == 401
