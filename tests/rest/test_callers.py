"""Calls that a web page could have sent, with the exact fields of browsers: what they get."""

import asyncio
import json
from typing import Any

import pytest

from prack_grpc.private.callers import name_of
from tests.rest.conftest import Api, Start
from tests.support.client import RawWorker
from tests.support.plain_worker import PATH, UPGRADE

TOKEN = "0123456789abcdef0123456789abcdef"
# One of each kind: JSON, raw, the stream, operators, pages.
ENDPOINTS = [
    (b"GET", b"/api/v1/request?wait=5"),
    (b"GET", b"/api/v1/request?route=shop.example.com/&wait=5"),
    (b"POST", b"/api/v1/response"),
    (b"POST", b"/api/v1/exchange"),
    (b"GET", b"/api/v1/requests/next?wait=5"),
    (b"POST", b"/api/v1/requests/x.1/chunks"),
    (b"GET", b"/api/v1/workers"),
    (b"PUT", b"/api/v1/traffic"),
    (b"POST", b"/api/v1/drain"),
    (b"GET", b"/api/v1/info"),
    (b"GET", b"/docs"),
    (b"GET", b"/openapi.json"),
    (b"GET", b"/nowhere"),
]
both = pytest.mark.parametrize("token", [None, TOKEN])


async def ask(
    api: Api, *fields: bytes, method: bytes = b"GET", target: bytes = b"/api/v1/info", host: Any = 0
) -> tuple[int, str]:
    """Status and code of one call with these fields."""
    worker = await RawWorker.connect(api.port)
    worker.host = host or b"127.0.0.1:%d" % api.port
    try:
        await worker.get(target, *fields, b"Content-Length: 0", method=method)
        response = await worker.response()
    finally:
        await worker.close()
    problem = response.header(b"content-type") == b"application/problem+json"
    return response.status, json.loads(response.body)["code"] if problem else ""


@pytest.mark.parametrize(("method", "target"), ENDPOINTS)
async def test_a_name_that_was_pointed_at_us_takes_nothing(
    api: Api, method: bytes, target: bytes
) -> None:
    """To a name that is not localhost, browsers do not say from which site a `no-cors` GET is."""
    ticket = api.submit()
    refused = await ask(api, method=method, target=target, host=b"evil.example:4242")
    assert refused == (403, "unknown_host")
    assert api.lease(ticket) is None
    assert [row.route for row in api.broker.status().routes] == ["*/"]


@both
@pytest.mark.parametrize(("method", "target"), ENDPOINTS)
@pytest.mark.parametrize(
    "field",
    [
        b"Origin: http://evil.example",
        b"Origin: null",
        b"Origin: http://localhost:3000",
        b"Sec-Fetch-Site: cross-site",
        b"Sec-Fetch-Site: same-site",
    ],
)
async def test_a_page_of_another_site_takes_nothing(
    start: Start, token: str | None, method: bytes, target: bytes, field: bytes
) -> None:
    api = await start(token)
    ticket = api.submit()
    bearer = b"Authorization: Bearer %b" % TOKEN.encode()
    assert await ask(api, field, bearer, method=method, target=target) == (403, "cross_site")
    assert api.lease(ticket) is None


@pytest.mark.parametrize(
    "fields", [(b"Origin: http://evil.example",), (b"Sec-Fetch-Site: cross-site",)]
)
async def test_no_page_opens_a_stream(api: Api, fields: tuple[bytes, ...]) -> None:
    assert await ask(api, *UPGRADE, *fields, target=PATH) == (403, "cross_site")
    assert await ask(api, *UPGRADE, target=PATH, host=b"evil.example") == (403, "unknown_host")


async def test_a_page_of_this_port_may_ask(api: Api) -> None:
    own = b"Origin: http://127.0.0.1:%d" % api.port
    assert (await ask(api, own, b"Sec-Fetch-Site: same-origin"))[0] == 200
    assert (await ask(api, own, own, b"Sec-Fetch-Site: none"))[0] == 200
    assert (await ask(api, own, b"Origin: http://evil.example"))[0] == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200),
        (b"localhost:4242", 200),
        (b"LOCALHOST.", 200),
        (b"127.0.0.1", 200),
        (b"127.8.9.10:1", 200),
        (b"[::1]:4242", 200),
        (b"[0:0:0:0:0:0:0:1]", 200),
        (b"gateway", 200),
        (b"Gateway:4242", 200),
        (b"[2001:DB8:0::1]:4242", 200),
        (b"0.0.0.0:4242", 403),
        (b"[::]", 403),
        (b"192.0.2.1:4242", 403),
        (b"other", 403),
        (b"gateway.evil.example", 403),
        (b"evil.localhost", 403),
        (b"localhost.evil.example", 403),
        (b"127.0.0.1.evil.example", 403),
        (b"localhost@evil.example", 403),
        (b"evil.example#localhost", 403),
        (b"localhost:80:80", 403),
        (b"localhost, evil.example", 403),
        (b"localhost\r\nHost: evil.example", 403),
        (b"", 403),
    ],
)
async def test_without_a_token_only_own_names_are_served(
    start: Start, host: bytes, status: int
) -> None:
    api = await start(hosts=("GATEWAY", "2001:db8::1"))
    assert (await ask(api, host=host or b" "))[0] in ({status} if status == 200 else {400, 403})


async def test_with_a_token_any_name_will_do(start: Start) -> None:
    api = await start(TOKEN)
    bearer = b"Authorization: Bearer %b" % TOKEN.encode()
    assert (await ask(api, bearer, host=b"gateway.example:4242"))[0] == 200
    assert (await ask(api, host=b"gateway.example:4242"))[0] == 401


async def test_strangers_hold_no_connection(start: Start) -> None:
    api = await start(TOKEN)
    bearer = b"Authorization: Bearer %b" % TOKEN.encode()
    for fields, target in (
        ((), b"/livez"),
        ((), b"/docs"),
        ((), b"/api/v1/info"),
        ((b"Origin: x",), b"/livez"),
    ):
        worker = await api.raw()
        await worker.get(target, *fields)
        assert (await worker.response()).header(b"connection") == b"close"
        assert await worker.closed()
        await worker.close()
    worker = await api.raw()
    for target in (b"/livez", b"/api/v1/info"):
        await worker.get(target, bearer)
        assert (await worker.response()).status == 200
    await worker.close()


@pytest.mark.parametrize("path", [b"/livez", b"/readyz"])
async def test_probes_call_by_any_name(api: Api, path: bytes) -> None:
    assert (await ask(api, target=path, host=b"10.1.2.3:4242"))[0] == 200


async def test_http_1_0_has_no_host(api: Api) -> None:
    """As the shell's simplest clients, and no browser."""
    worker = await api.raw()
    await worker.send(b"GET /api/v1/info HTTP/1.0\r\n\r\n")
    assert (await worker.response()).status == 200
    await worker.close()


async def test_the_refusal_says_what_to_set(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        response = await api.http.get("/api/v1/request", headers={"Host": "gateway:4242"})
        assert response.status_code == 403
        assert "(Host: gateway:4242): set a token" in response.json()["error"]
        assert "--api-hosts" in response.json()["error"]
        await asyncio.sleep(0)
    [line] = [one for one in caplog.records if getattr(one, "action", "") == "unknown_host"]
    assert "--api-hosts" in line.getMessage()


@pytest.mark.parametrize("host", [b"", b"[", b"[]", b"[::1", b"a b", b"\xff\x00", b":80"])
def test_what_is_no_name_is_none(host: bytes) -> None:
    assert name_of(host) in ("", "\xff\x00")


# ------------------------------------------------------------ pages


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/api/v1/info", "/livez", "/readyz"])
async def test_pages_run_load_and_frame_nothing(api: Api, path: str) -> None:
    headers = (await api.http.get(path)).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"


async def test_the_description_is_a_page_without_scripts(api: Api) -> None:
    response = await api.http.get("/docs")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    for part in ("<script", "http-equiv", "src=", "https://", "cdn"):
        assert part not in response.text
    assert "<code>GET /api/v1/request</code>" in response.text
    for schema in (await api.http.get("/openapi.json")).json()["components"]["schemas"]:
        assert f'id="{schema}"' in response.text
