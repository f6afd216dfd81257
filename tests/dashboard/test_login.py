"""Logging in from a browser: what the cookie is, and what it lets one do."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from prack_grpc.core.worker import Principal
from prack_grpc.dashboard import login
from prack_grpc.dashboard.app import create_app
from prack_grpc.dashboard.login import COOKIE, LASTING, Logins
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.callers import ADMIN_PAGES, Callers
from prack_grpc.private.health import Health
from tests.conftest import Start
from tests.rest.conftest import SECONDS, TLS
from tests.support.credentials import Credentials, secret

OURS = {"X-Prack-Request": "1"}


@pytest.fixture
async def browser(start: Start, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """Keeps cookies; nobody has logged in yet."""
    gateway = await start(credentials=Credentials.of(tmp_path / "credentials").path)
    url = f"http://127.0.0.1:{gateway.admin_port}"
    async with httpx2.AsyncClient(base_url=url, timeout=SECONDS, verify=TLS) as http:
        yield http


async def logged_in(http: httpx2.AsyncClient, name: str) -> httpx2.Response:
    """Log in with somebody's token."""
    return await http.post("/login", json={"token": secret(name)}, headers=OURS)


async def test_a_cookie_stands_for_whoever_has_shown_a_token(
    browser: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await browser.get("/api/v1/me")).status_code == 401
    with caplog.at_level(logging.INFO):
        reply = await logged_in(browser, "op")
    assert (reply.status_code, reply.json()) == (200, {"principal": "op"})
    value, *attributes = reply.headers["set-cookie"].split("; ")
    assert len(value) == len(COOKIE) + 1 + 8 + 43
    assert {one.lower() for one in attributes} == {
        "httponly",
        "samesite=strict",
        f"max-age={LASTING}",
    }
    (line,) = [vars(one) for one in caplog.records if "logged in" in one.message]
    assert (line["action"], line["principal"], line["client"]) == ("logged_in", "op", "127.0.0.1")
    assert secret("op") not in caplog.text
    assert (await browser.get("/api/v1/me")).json() == {"principal": "op", "operates": True}
    message = {"worker": "w"}
    assert (await browser.post("/api/v1/drain", json=message, headers=OURS)).status_code == 200


async def test_a_viewer_can_only_look(browser: httpx2.AsyncClient) -> None:
    await logged_in(browser, "eye")
    assert (await browser.get("/api/v1/overview")).status_code == 200
    reply = await browser.post("/api/v1/drain", json={"worker": "w"}, headers=OURS)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")
    assert "allow to look only" in reply.json()["detail"]


async def test_whoever_logs_out_is_out(browser: httpx2.AsyncClient) -> None:
    await logged_in(browser, "eye")
    assert (await browser.post("/logout", headers=OURS)).status_code == 200
    assert (await browser.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize(
    ("message", "status", "said"),
    [
        ({"token": "guess"}, 401, "unauthenticated"),
        ({"token": secret("a")}, 403, "a worker's"),
        ({"token": 1}, 400, "token: expected a string"),
        ({}, 400, "token: expected a string"),
        ({"token": "x" * 17_000}, 413, "larger than 16384"),
    ],
)
async def test_others_get_no_cookie(
    browser: httpx2.AsyncClient, message: dict[str, object], status: int, said: str
) -> None:
    reply = await browser.post("/login", json=message, headers=OURS)
    assert reply.status_code == status
    assert said in reply.text
    assert "set-cookie" not in reply.headers


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {**OURS, "Origin": "http://evil.example"},
        {**OURS, "Sec-Fetch-Site": "cross-site"},
        {**OURS, "Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_others_neither_log_in_nor_use_who_has(
    browser: httpx2.AsyncClient, fields: dict[str, str]
) -> None:
    reply = await browser.post("/login", json={"token": secret("op")}, headers=fields)
    assert (reply.status_code, reply.json()["code"]) == (403, "cross_site")
    await logged_in(browser, "op")
    for path in ("/api/v1/drain", "/logout"):
        reply = await browser.post(path, json={"worker": "w"}, headers=fields)
        assert reply.status_code == 403
    if "Origin" in fields or "Sec-Fetch-Site" in fields:
        assert (await browser.get("/api/v1/me", headers=fields)).status_code == 403
    assert (await browser.get("/api/v1/me")).status_code == 200


async def test_over_tls_the_cookie_stays_there() -> None:
    app = create_app(Health(), None, Callers("t" * 32, pages=ADMIN_PAGES), Cluster(""))
    async with AsyncExitStack() as stack:
        made = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app), base_url="https://test", verify=TLS
        )
        http = await stack.enter_async_context(made)
        reply = await http.post("/login", json={"token": "t" * 32}, headers=OURS)
        assert "; secure" in reply.headers["set-cookie"].lower()


def test_a_login_ends_by_itself_and_with_its_credentials() -> None:
    now = [0.0]
    logins, a, b = Logins("", lambda: now[0]), Principal("a"), Principal("b")
    of_a, of_b = logins.begin(a), logins.begin(b)
    assert (logins.who(of_a), logins.who(of_b), logins.who("")) == (a, b, None)
    b.revoked = True
    assert logins.who(of_b) is None
    now[0] = LASTING - 0.1
    assert logins.who(of_a) is a
    now[0] = LASTING
    assert logins.who(of_a) is None


def test_of_too_many_the_oldest_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "MAX_LOGINS", 2)
    logins, who = Logins(), Principal("a")
    values = [logins.begin(who) for _ in range(3)]
    assert [logins.who(value) for value in values] == [None, who, who]
