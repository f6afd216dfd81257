"""What operators, viewers and workers may do, and who is in the log for it."""

import logging
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.access.conftest import Site
from tests.access.identities import KINDS, Secrets
from tests.conftest import Start

OPERATING = [
    ("GET", "queue"),
    ("GET", "workers"),
    ("GET", "routes"),
    ("GET", "versions"),
    ("GET", "traffic"),
    ("PUT", "traffic"),
    ("POST", "drain"),
    ("POST", "resume"),
]
# What changes something; `leaving` is a worker's own.
MESSAGES: dict[str, dict[str, Any]] = {
    "traffic": {"service": "b", "weights": {"v1": 1}},
    "drain": {"worker": "bw"},
    "resume": {"worker": "bw"},
}


@pytest.mark.parametrize(("method", "path"), OPERATING)
async def test_the_commands_of_operators_are_theirs(site: Site, method: str, path: str) -> None:
    message = MESSAGES.get(path) if method != "GET" else None
    may = {"a": False, "eye": method == "GET", "op": True}
    for name, allowed in may.items():
        for port in ("api", "admin"):
            http = await site.http(name, port)
            reply = await http.request(method, f"/api/v1/{path}", json=message)
            if port == "admin" and path == "queue":
                assert reply.status_code == (403 if name == "a" else 404)
            else:
                assert reply.status_code == (200 if allowed else 403), (name, port)
    status = site.gateway.running.broker.status()
    assert bool(status.splits) is ((method, path) == ("PUT", "traffic"))
    assert bool(status.paused) is (path == "drain")


@pytest.mark.parametrize("known_by", KINDS)
@pytest.mark.parametrize(
    "path", ["/metrics", "/api/v1/overview", "/api/v1/me", "/api/v1/exchanges"]
)
async def test_the_admin_port_shows_itself_to_operators_and_viewers(site: Site, path: str) -> None:
    for name, status in {"a": 403, "b": 403, "eye": 200, "op": 200, "nobody": 401}.items():
        assert (await (await site.http(name, "admin")).get(path)).status_code == status


async def test_what_an_operator_does_is_in_the_log_with_his_name(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    op = await site.http("op")
    with caplog.at_level(logging.INFO):
        for path in ("drain", "resume"):
            await op.post(f"/api/v1/{path}", json=MESSAGES[path])
        await op.put("/api/v1/traffic", json=MESSAGES["traffic"])
    lines = [vars(one) for one in caplog.records]
    found = [(one["action"], one["principal"]) for one in lines if "principal" in one]
    assert found == [("drained", "op"), ("resumed", "op"), ("traffic", "op")]


async def test_the_one_token_has_all_rights_beside_the_file(start: Start, tmp_path: Path) -> None:
    known = Secrets.of(tmp_path)
    gateway = await start(credentials=known.credentials.path, token="t" * 32, admin_token="u" * 32)
    async with AsyncExitStack() as stack:
        site = Site(gateway, known, stack)
        http = await site.http("a")
        http.headers["authorization"] = f"Bearer {'t' * 32}"
        assert (await http.get("/api/v1/queue")).status_code == 200
        assert (await http.get("/api/v1/request?wait=0")).status_code == 404
        assert (await http.post("/api/v1/resume", json={"worker": "w"})).status_code == 200
        admin = await site.http("a", "admin")
        admin.headers["authorization"] = f"Bearer {'u' * 32}"
        assert (await admin.get("/api/v1/me")).json() == {
            "principal": "admin-token",
            "operates": True,
        }
        admin.headers["authorization"] = f"Bearer {'t' * 32}"
        assert (await admin.get("/api/v1/me")).status_code == 401


async def test_whatever_is_forbidden_is_in_the_log(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    a, admin = await site.http("a"), await site.http("eye", "admin")
    await a.get("/api/v1/request?route=b.test/&service=a")
    await a.get("/api/v1/queue")
    await admin.post("/api/v1/drain", json=MESSAGES["drain"])
    lines = [vars(one) for one in caplog.records if vars(one).get("action") == "forbidden"]
    assert [(line["principal"], line["path"]) for line in lines] == [
        ("a", "/api/v1/request"),
        ("a", "/api/v1/queue"),
        ("eye", "/api/v1/drain"),
    ]
    assert lines[0]["reason"].startswith("routes: b.test/ is not allowed by these credentials")
