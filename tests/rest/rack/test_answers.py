"""What becomes of good and bad answers (promises, section 8)."""

import asyncio
import json
import logging
from typing import Any

import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import ErrorKind, GatewayError
from prack_grpc.core.limits import MIB
from prack_grpc.private import bodies
from tests.rest.conftest import Api, Start, answer


async def client_error(ticket: Any) -> ErrorKind:
    """What the client got in place of an answer."""
    with pytest.raises(GatewayError) as caught:
        await ticket.head()
    return caught.value.kind


MALFORMED = [
    ("W15", {"code": 99}, "code"),
    ("W15", {"code": 600}, "code"),
    ("W15", {"code": -1}, "code"),
    ("W15", {"code": True}, "code"),
    ("W15", {"code": 200.0}, "code"),
    ("W15", {"code": "abc"}, "code"),
    ("W15", {"code": "٢٠٠"}, "code"),
    ("W15", {"code": None}, "code"),
    ("W15", {"code": [200]}, "code"),
    ("W15", {"code": 10**30}, "code"),
    ("W16", {"code": 100}, "code"),
    ("W16", {"code": "101"}, "code"),
    ("W16", {"code": 103}, "code"),
    ("W17", {"headers": {"": "v"}}, "headers"),
    ("W17", {"headers": {"x y": "v"}}, "headers"),
    ("W17", {"headers": {"x:y": "v"}}, "headers"),
    ("W17", {"headers": {"x/y": "v"}}, "headers"),
    ("W17", {"headers": {"é": "v"}}, "headers"),
    ("W17", {"headers": {"x\r\ny": "v"}}, "headers"),
    ("W18", {"headers": {"x": "a\r\nb"}}, "headers"),
    ("W18", {"headers": {"x": "a\0b"}}, "headers"),
    ("W18", {"headers": [["x", "a\nb"]]}, "headers"),
    ("W21", {"headers": {"Content-Length": ["5", "5"]}}, "headers"),
    ("W21", {"headers": {"Content-Length": "+3"}}, "headers"),
    ("W21", {"headers": {"Content-Length": "0_3"}}, "headers"),
    ("W21", {"headers": {"Content-Length": "x"}}, "headers"),
    ("W26", {"headers": {f"x-{i}": "v" for i in range(101)}}, "headers"),
    ("W26", {"headers": {"x": "v" * 65536}}, "headers"),
    ("shape", {"headers": "x: y"}, "headers"),
    ("shape", {"headers": ["ab"]}, "headers"),
    ("shape", {"headers": [["x"]]}, "headers"),
    ("shape", {"headers": [["x", "y", "z"]]}, "headers"),
    ("shape", {"headers": {"x": None}}, "headers"),
    ("shape", {"headers": {"x": True}}, "headers"),
    ("shape", {"headers": {"x": "€"}}, "headers"),
]


@pytest.mark.parametrize(("row", "members", "field"), MALFORMED)
async def test_a_malformed_answer_is_422_and_the_client_gets_502(
    api: Api, row: str, members: dict[str, Any], field: str
) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    response = await api.answer(answer(identifier, **members))
    problem = response.json()
    assert (response.status_code, problem["code"]) == (422, "bad_answer")
    assert problem["field"] == field
    assert problem["error"].startswith(f"{field}: ")
    assert await client_error(ticket) is errors.BAD_RESPONSE
    again = await api.answer(answer(identifier))
    assert (again.status_code, again.json()["code"]) == (410, "gone")


REBUILT: list[tuple[str, bytes, dict[str, Any], list[tuple[bytes, bytes]], bytes]] = [
    (
        "W19",
        b"GET",
        {"headers": {"X": " v\t"}},
        [(b"x", b"v"), (b"content-length", b"5")],
        b"hello",
    ),
    ("W20", b"GET", {"headers": {"Content-Length": "3"}}, [(b"content-length", b"5")], b"hello"),
    ("W20", b"GET", {"headers": {"Content-Length": 9}}, [(b"content-length", b"5")], b"hello"),
    (
        "W22",
        b"GET",
        {
            "headers": {
                "Transfer-Encoding": "chunked",
                "Connection": "close, x-hop",
                "X-Hop": "1",
                "Keep-Alive": "timeout=5",
                "Upgrade": "h2c",
                "Trailer": "x",
                "Proxy-Authenticate": "Basic",
                "TE": "trailers",
            }
        },
        [(b"content-length", b"5")],
        b"hello",
    ),
    ("W23", b"GET", {"code": 204, "headers": {"Content-Length": "5"}}, [], b""),
    ("W23", b"GET", {"code": 304}, [], b""),
    ("W24", b"GET", {"code": 205}, [(b"content-length", b"0")], b""),
    ("HEAD", b"HEAD", {"headers": {"Content-Length": "7"}}, [(b"content-length", b"7")], b""),
    (
        "W36",
        b"GET",
        {"headers": {"Proxy-Status": "prack; error=x"}},
        [(b"content-length", b"5")],
        b"hello",
    ),
    (
        "repeats",
        b"GET",
        {"headers": {"Set-Cookie": ["a=1", "b=2"]}},
        [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-length", b"5")],
        b"hello",
    ),
    (
        "pairs",
        b"GET",
        {"headers": [["B", "1"], ["A", "\xe9"], ["b", "2"]]},
        [(b"b", b"1"), (b"a", b"\xe9"), (b"b", b"2"), (b"content-length", b"5")],
        b"hello",
    ),
    ("null", b"GET", {"headers": None, "body": None}, [(b"content-length", b"0")], b""),
]


@pytest.mark.parametrize(("row", "method", "members", "headers", "body"), REBUILT)
async def test_an_answer_is_rebuilt_for_the_client(
    api: Api,
    row: str,
    method: bytes,
    members: dict[str, Any],
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    ticket = api.submit(method)
    response = await api.answer(answer(await api.identifier(), **members))
    assert response.status_code == 200
    head = await ticket.head()
    assert (head.headers, head.body) == (headers, body)


DEEP = "[" * 100_000
UNREADABLE = [
    ("W13", '{"identifier": }', "bad_json", "column 16"),
    ("W13", '{"identifier": "x"', "bad_json", "column"),
    ("W13", "", "bad_json", "column 1"),
    ("W13", "7", "bad_json", "object"),
    ("W13", '{"a": 1} x', "bad_json", "Extra data"),
    ("W13", '{"a": "\t"}', "bad_json", "control character"),
    ("W33", '{"a": NaN}', "bad_json", "NaN"),
    ("W33", '{"a": -Infinity}', "bad_json", "-Infinity"),
    ("W33", '{"a": 1, "a": 2}', "bad_json", "twice"),
    ("W33", '{"a": {"b": 1, "b": 1}}', "bad_json", "twice"),
    ("W33", DEEP, "bad_json", "deep"),
    ("W33", '{"a": [%s1]}' % ("1," * 300_000), "bad_json", "more than 300000 values"),
    ("W33", '{"identifier": "x", "body": "\\ud800"}', "bad_json", "surrogate"),
    ("W33", '{"\\uDFFF": 1}', "bad_json", "surrogate"),
    ("W33", f'{{"a": {"9" * 5000}}}', "bad_json", "digits"),
    ("shape", '{"code": 200}', "bad_parameter", "identifier"),
    ("shape", '{"identifier": 7}', "bad_parameter", "identifier"),
]


@pytest.mark.parametrize(("row", "text", "code", "says"), UNREADABLE)
async def test_what_is_not_an_answer_is_400_and_says_why(
    api: Api, row: str, text: str, code: str, says: str
) -> None:
    response = await api.http.post("/api/v1/response", content=text)
    assert (response.status_code, response.json()["code"]) == (400, code)
    assert says in response.json()["detail"]


async def test_bytes_that_are_not_utf8_are_400(api: Api) -> None:
    response = await api.http.post("/api/v1/response", content=b'{"a": "\xff"}')
    assert (response.status_code, response.json()["code"]) == (400, "bad_json")


async def test_surrogate_pairs_are_characters(api: Api) -> None:
    ticket = api.submit()
    text = json.dumps(answer(await api.identifier(), note="\N{GRINNING FACE}"))
    assert "\\ud83d" in text
    assert (await api.http.post("/api/v1/response", content=text)).status_code == 200
    assert (await ticket.head()).status == 200


@pytest.mark.parametrize("body", ["aGVsbG8", "aGVsbG8==", "aGVs*G8=", "a-_b", "é", 7, ["aGVs"]])
async def test_a_body_that_is_not_base64_leaves_the_lease(api: Api, body: Any) -> None:
    """W27."""
    ticket = api.submit()
    identifier = await api.identifier()
    response = await api.answer(answer(identifier, body=body))
    assert (response.status_code, response.json()["code"]) == (400, "bad_body")
    assert response.json()["field"] == "body"
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).body == b"hello"


@pytest.mark.parametrize(
    "identifier",
    [
        "nobody.1",
        "../../etc",
        "a\0b",
        "%00",
        "x" * 10_240,
        "{1DE72C01-7C1B-43CC-8FB7-1A900ACC26BA}",
        "",
    ],
)
async def test_an_unknown_identifier_is_404(api: Api, identifier: str) -> None:
    """W9 and W34."""
    response = await api.answer(answer(identifier))
    assert (response.status_code, response.json()["code"]) == (404, "unknown_request")


async def test_the_first_answer_wins(api: Api) -> None:
    """W11."""
    ticket = api.submit()
    identifier = await api.identifier()
    assert (await api.answer(answer(identifier, b"one"))).status_code == 200
    response = await api.answer(answer(identifier, b"two"))
    assert (response.status_code, response.json()["code"]) == (409, "already_answered")
    assert (await ticket.head()).body == b"one"


async def test_an_answer_nobody_waits_for_is_410(api: Api) -> None:
    """W10."""
    ticket = api.submit()
    identifier = await api.identifier()
    api.broker.leave(ticket)
    response = await api.answer(answer(identifier))
    assert (response.status_code, response.json()["code"]) == (410, "gone")


async def test_an_answer_after_the_deadline_is_410(start: Start) -> None:
    """W10."""
    api = await start(head_timeout=0.01)
    ticket = api.submit()
    identifier = await api.identifier()
    assert await client_error(ticket) is errors.DEADLINE
    assert (await api.answer(answer(identifier))).status_code == 410


async def test_an_answer_with_an_old_lease_is_409(api: Api) -> None:
    """W12."""
    ticket = api.submit()
    old = await api.identifier()
    await api.http.post(f"/api/v1/requests/{old}/release")
    new = await api.identifier()
    response = await api.answer(answer(old, b"old"))
    assert (response.status_code, response.json()["code"]) == (409, "stale_lease")
    assert (await api.answer(answer(new, b"new"))).status_code == 200
    assert (await ticket.head()).body == b"new"


async def test_a_large_answer_passes(api: Api) -> None:
    ticket = api.submit()
    body = bytes(range(256)) * 12_000
    assert (await api.answer(answer(await api.identifier(), body))).status_code == 200
    assert (await ticket.head()).body == body


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_that_is_too_large_is_413_and_the_client_gets_502(
    api: Api, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W25."""
    monkeypatch.setattr(bodies, "MAX_BODY", MIB)
    ticket = api.submit()
    text = json.dumps(answer(await api.identifier(), b"x" * MIB)).encode()

    async def pieces() -> Any:
        for i in range(0, len(text), 65536):
            yield text[i : i + 65536]

    response = await api.http.post("/api/v1/response", content=pieces() if chunked else text)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert await client_error(ticket) is errors.BAD_RESPONSE


async def test_an_upload_that_is_cut_may_be_sent_again(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    worker = await api.raw()
    await worker.get(b"/api/v1/response", b"content-length: 1000", method=b"POST")
    await worker.send(b'{"identifier": "')
    await worker.close()
    assert (await api.answer(answer(identifier))).status_code == 200
    assert (await ticket.head()).status == 200


async def test_an_upload_that_stands_still_is_408(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """W28."""
    monkeypatch.setattr(bodies, "STALL", 0.01)
    worker = await api.raw()
    await worker.get(b"/api/v1/response", b"content-length: 1000", method=b"POST")
    response = await worker.response()
    await worker.close()
    assert (response.status, json.loads(response.body)["code"]) == (408, "upload_stalled")


async def test_a_batch_never_fails_as_a_whole(api: Api) -> None:
    tickets = [api.submit() for _ in range(4)]
    one, two, three, four = [await api.identifier() for _ in tickets]
    response = await api.answer(
        [
            answer(one, b"1"),
            answer("nobody.1"),
            answer(two, code=99),
            7,
            answer(three, body="*"),
            answer(four, b"4"),
        ]
    )
    assert response.status_code == 200
    results = response.json()["results"]
    told = [(r["identifier"], r["status"], r.get("code"), r.get("field")) for r in results]
    assert told == [
        (one, 200, None, None),
        ("nobody.1", 404, "unknown_request", None),
        (two, 422, "bad_answer", "code"),
        (None, 400, "bad_json", None),
        (three, 400, "bad_body", "body"),
        (four, 200, None, None),
    ]
    assert (await tickets[0].head()).body == b"1"
    assert await client_error(tickets[1]) is errors.BAD_RESPONSE
    assert (await tickets[3].head()).body == b"4"


async def test_a_batch_is_bounded(api: Api) -> None:
    response = await api.answer([{}] * 1001)
    assert (response.status_code, response.json()["code"]) == (400, "bad_json")


async def test_answers_at_the_same_time_have_one_winner(api: Api) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    responses = await asyncio.gather(*(api.answer(answer(identifier)) for _ in range(8)))
    assert sorted(response.status_code for response in responses) == [200] + [409] * 7
    assert (await ticket.head()).status == 200


async def test_a_bad_answer_is_logged_and_a_late_one_is_not(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "prack_grpc.rest"):
        await api.answer(answer("nobody.1"))
        await api.answer(answer("x" * 10_000, body="*"))
    (record,) = caplog.records
    assert record.__dict__["action"] == "answer_refused"
    assert len(record.__dict__["identifier"]) == 128
