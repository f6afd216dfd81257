"""The application around the endpoints: who may call, what is described, what is refused."""

import json
import logging

import pytest
from starlette.routing import Route

from prack_grpc.rest.rack.answers import Answers
from tests.rest.conftest import Api, Start, answer

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/request"),
        ("POST", "/api/v1/request"),
        ("POST", "/api/v1/response"),
        ("POST", "/api/v1/exchange"),
        ("POST", "/api/v1/requests/x.1/release"),
        ("GET", "/api/v1/info"),
        ("GET", "/api/v1/nowhere"),
        ("PUT", "/api/v1/request"),
        ("GET", "/anything"),
    ],
)
async def test_nothing_works_without_the_token(start: Start, method: str, path: str) -> None:
    """W1."""
    api = await start(TOKEN)
    ticket = api.submit()
    response = await api.http.request(method, path)
    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["content-type"] == "application/problem+json"
    assert api.lease(ticket) is None


@pytest.mark.parametrize(
    "values",
    [
        ["Bearer wrong"],
        ["Bearer"],
        ["Bearer "],
        [""],
        [TOKEN],
        [f"Basic {TOKEN}"],
        [f"Bearer {TOKEN}x"],
        [f"Bearer {TOKEN} {TOKEN}"],
        [f"Bearer {TOKEN}", f"Bearer {TOKEN}"],
        ["Bearer wrong", f"Bearer {TOKEN}"],
        ["Bearer \xff"],
    ],
)
async def test_a_wrong_token_is_no_token(start: Start, values: list[str]) -> None:
    """W2."""
    api = await start(TOKEN)
    worker = await api.raw()
    fields = [f"authorization: {value}".encode("latin-1") for value in values]
    await worker.get(b"/api/v1/info", *fields)
    assert (await worker.response()).status == 401
    await worker.close()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens_the_api(start: Start, scheme: str) -> None:
    api = await start(TOKEN)
    api.http.headers["Authorization"] = f"{scheme} {TOKEN}"
    ticket = api.submit()
    assert (await api.answer(answer(await api.identifier()))).status_code == 200
    assert (await ticket.head()).status == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/openapi.json"])
async def test_some_pages_need_no_token(start: Start, path: str) -> None:
    api = await start(TOKEN)
    assert (await api.http.get(path)).status_code == 200


SITES = [("cross-site", 403), ("same-site", 403), ("same-origin", 404), ("none", 404)]


@pytest.mark.parametrize(("site", "status"), SITES)
async def test_pages_of_other_sites_take_no_requests(api: Api, site: str, status: int) -> None:
    response = await api.http.get("/api/v1/request?wait=0", headers={"Sec-Fetch-Site": site})
    assert response.status_code == status


async def test_readiness_follows_the_gateway(api: Api) -> None:
    api.health.draining = True
    assert (await api.http.get("/readyz")).status_code == 503
    assert (await api.http.get("/livez")).status_code == 200


async def test_info_says_what_is_spoken(api: Api) -> None:
    info = (await api.http.get("/api/v1/info")).json()
    assert info["api_versions"] == ["v1"]
    assert info["limits"]["message_bytes"] == 64 * 1024 * 1024
    assert info["limits"]["answer_seconds"] == 60


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/request", "GET, POST"),
        ("HEAD", "/api/v1/request", "GET, POST"),
        ("GET", "/api/v1/response", "POST"),
        ("GET", "/api/v1/requests/x.1/extend", "POST"),
        ("POST", "/livez", "GET"),
    ],
)
async def test_a_wrong_method_is_405_with_allow(
    api: Api, method: str, path: str, allow: str
) -> None:
    """W5."""
    ticket = api.submit()
    response = await api.http.request(method, path)
    assert (response.status_code, response.headers["allow"]) == (405, allow)
    assert response.headers["content-type"] == "application/problem+json"
    assert api.lease(ticket) is None


@pytest.mark.parametrize(
    "path", ["/", "/api/v1", "/api/v1/request/", "/api/v1/requests/../x/error"]
)
async def test_an_unknown_path_is_a_problem(api: Api, path: str) -> None:
    worker = await api.raw()
    await worker.get(path.encode())
    response = await worker.response()
    await worker.close()
    assert response.status == 404
    problem = json.loads(response.body)
    assert (problem["code"], problem["error"]) == ("not_found", problem["detail"])


async def test_a_mistake_of_the_gateway_is_a_problem_and_is_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Answers, "find", fail)
    with caplog.at_level(logging.ERROR):
        response = await api.answer(answer("x.1"))
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "ZeroDivisionError" in caplog.text


async def test_every_problem_is_complete(api: Api) -> None:
    response = await api.answer(answer("x.1"))
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "type": "urn:prack:error:unknown_request",
        "title": "Unknown identifier: no such request was handed out, or it ended long ago",
        "status": 404,
        "detail": "Unknown identifier: no such request was handed out, or it ended long ago",
        "code": "unknown_request",
        "error": "Unknown identifier: no such request was handed out, or it ended long ago",
    }


async def test_the_description_covers_the_api(api: Api) -> None:
    schema = (await api.http.get("/openapi.json")).json()
    operations = {
        (method, path): operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
    }
    served = {
        (method.lower(), route.path)
        for route in api.app.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in route.methods or ()
    }
    assert operations.keys() == served
    assert all(operation["summary"] for operation in operations.values())
    for reference in set(json.dumps(schema).split('"$ref": "#/components/schemas/')[1:]):
        assert reference.partition('"')[0] in schema["components"]["schemas"]
    assert len({operation["operationId"] for operation in operations.values()}) == len(operations)
    for (_, path), operation in operations.items():
        refusals = {"401", "403"} & operation["responses"].keys()
        assert refusals == ({"401", "403"} if path.startswith("/api/") else set())
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            assert {"400", "408", "413"} <= operation["responses"].keys()
