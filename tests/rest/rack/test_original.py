"""The original's clients work unchanged."""

import pytest

from tests.rest.conftest import Api

FORM = {"Content-Type": "application/x-www-form-urlencoded", "Connection": "close"}


async def test_a_poll_without_work_is_the_404_that_clients_look_for(api: Api) -> None:
    response = await api.http.get("/api/v1/request", params={"wait": 0.01})
    assert response.status_code == 404
    assert response.json() == {"error": "There are no requests pending"}
    assert response.headers["content-type"] == "application/json"


async def test_a_poll_gives_one_request(api: Api) -> None:
    api.submit(
        b"POST",
        b"/a%20b/c?x=1&y=2",
        [(b"x-foo", b"bar"), (b"cookie", b"a=b"), (b"content-length", b"7")],
        b"hello=1",
    )
    request = await api.pull()
    assert request.keys() == {"identifier", "environment"}
    environment = request["environment"]
    assert (
        environment.items()
        >= {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/a%20b/c",
            "QUERY_STRING": "x=1&y=2",
            "SERVER_NAME": "test",
            "SERVER_PORT": "80",
            "HTTP_HOST": "test",
            "HTTP_X_FOO": "bar",
            "HTTP_COOKIE": "a=b",
            "HTTP_CONTENT_LENGTH": "7",
            "CONTENT_LENGTH": "7",
            "body": "aGVsbG89MQ==",
        }.items()
    )


@pytest.mark.parametrize("path", ["/api/v1/response", "/api/v1/request"])
@pytest.mark.parametrize("code", ["201", '"201"'])
async def test_an_answer_is_taken_as_old_clients_send_it(api: Api, path: str, code: str) -> None:
    ticket = api.submit()
    identifier = await api.identifier()
    text = (
        f'{{"identifier": "{identifier}", "code": {code}, "headers": '
        '{"X-A": "1", "Connection": "close", "Content-Length": "99"}, "body": "aGVs\\nbG8=\\n"}'
    )
    response = await api.http.post(path, content=text, headers=FORM)
    assert response.status_code == 200
    assert response.json() == {"message": "thank you"}
    head = await ticket.head()
    assert (head.status, head.body) == (201, b"hello")
    assert head.headers == [(b"x-a", b"1"), (b"content-length", b"5")]


async def test_an_answer_needs_only_identifier_and_code(api: Api) -> None:
    ticket = api.submit()
    response = await api.answer({"identifier": await api.identifier(), "code": "204"})
    assert response.status_code == 200
    assert (await ticket.head()).status == 204


@pytest.mark.parametrize("data", ["{", '{"identifier": "{1DE72C01}", "code": 200}'])
async def test_a_refusal_has_the_error_key(api: Api, data: str) -> None:
    response = await api.http.post("/api/v1/request", content=data)
    assert response.status_code in (400, 404)
    assert isinstance(response.json()["error"], str)
