"""What a worker can do with a request other than answer it."""

import asyncio
from typing import Any

import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.rest.leases import UPLOADS, Leases
from tests.rest.conftest import Api, Start, answer


async def act(api: Api, identifier: str, action: str, message: Any = None) -> tuple[int, Any]:
    """Status and body of one action."""
    path = f"/api/v1/requests/{identifier}/{action}"
    content = {"content": b""} if message is None else {"json": message}
    response = await api.http.post(path, **content)
    return response.status_code, response.json()


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (None, errors.WORKER_ERROR),
        ({"code": "handler_error", "message": "it broke\r\n"}, errors.WORKER_ERROR),
        ({"code": "timed_out"}, errors.DEADLINE),
        ({"code": "unsupported"}, errors.UNSUPPORTED),
    ],
)
async def test_an_error_ends_the_request(api: Api, message: Any, kind: ErrorKind) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    assert await act(api, identifier, "error", message) == (200, {"message": "thank you"})
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    assert caught.value.kind is kind
    status, problem = await act(api, identifier, "error", message)
    assert (status, problem["code"]) == (409, "already_answered")


@pytest.mark.parametrize(
    ("action", "message"), [("release", None), ("error", {"code": "overloaded"})]
)
async def test_what_goes_back_is_handed_out_at_most_three_times(
    api: Api, action: str, message: Any
) -> None:
    ticket = api.submit(b"POST", body=b"again")
    for attempt in (1, 2, 3):
        request = await api.pull()
        assert request["environment"]["prack.attempt"] == attempt
        assert request["environment"]["body"] == "YWdhaW4="
        assert (await act(api, request["identifier"], action, message))[0] == 200
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    assert caught.value.kind is errors.REFUSED


async def test_an_extension_is_clamped(start: Start) -> None:
    """W31."""
    api = await start(lease_max=100.0)
    ticket = api.submit()
    identifier = await api.identifier()
    for ms, low, high in (
        (1, 59_000, 60_000),
        (80_000, 79_000, 80_000),
        (900_000, 99_000, 100_000),
    ):
        status, deadline = await act(api, identifier, "extend", {"ms": ms})
        assert (status, low < deadline["deadline_ms"] <= high) == (200, True)
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).status == 200


@pytest.mark.parametrize(
    ("action", "message", "field"),
    [
        ("extend", {}, "ms"),
        ("extend", {"ms": 0}, "ms"),
        ("extend", {"ms": True}, "ms"),
        ("extend", {"ms": "9"}, "ms"),
        ("extend", {"ms": 10**400}, "ms"),
        ("error", {"code": "cancelled"}, "code"),
        ("error", {"code": ["x"]}, "code"),
        ("error", {"message": 7}, "message"),
    ],
)
async def test_a_bad_message_leaves_the_lease(
    api: Api, action: str, message: Any, field: str
) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    status, problem = await act(api, identifier, action, message)
    assert (status, problem["code"], problem["field"]) == (400, "bad_parameter", field)
    assert (await act(api, identifier, action, []))[1]["code"] == "bad_json"
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).status == 200


@pytest.mark.parametrize("action", ["error", "release", "extend"])
@pytest.mark.parametrize("identifier", ["nobody.1", "%00", "..%2f..%2fx", "x" * 10_240])
async def test_an_unknown_identifier_is_404(api: Api, action: str, identifier: str) -> None:
    """W30 and W34."""
    status, problem = await act(api, identifier, action, {"ms": 1})
    assert status == 404
    assert problem["error"]


async def test_of_many_large_answers_few_go_on_in_a_turn() -> None:
    leases, ended = Leases(), 0
    answers = [asyncio.create_task(leases.turn()) for _ in range(3 * UPLOADS)]
    while ended < len(answers):
        await asyncio.sleep(0)
        before, ended = ended, sum(one.done() for one in answers)
        assert ended - before <= UPLOADS
