"""The Rack-like environment of a request."""

import json
from typing import Any

import pytest

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.core.worker import Profile
from prack_grpc.rest.rack.environment import encode


def environment(
    headers: Headers | None = None,
    authority: bytes = b"test",
    scheme: bytes = b"http",
    target: bytes = b"/",
    body: bytes = b"",
    seconds: float = 59.5,
) -> dict[str, Any]:
    """The environment of a request that was handed out after 1.5 s."""
    client = ("192.0.2.7", 1234)
    fields, size = headers or [], len(body)
    request = Request(b"GET", scheme, authority, target, b"1.0", fields, client, size, id="abc")
    assignment = Assignment(
        1, "abc", 2, Profile("w", 1, False), request, 1.5, True, "abc.2.f00d", "*/"
    )
    message = json.loads(encode(assignment, body, seconds))
    assert message["identifier"] == "abc.2.f00d"
    found: dict[str, Any] = message["environment"]
    return found


def test_everything_that_is_always_there() -> None:
    assert environment() == {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "test",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "1234",
        "rack.url_scheme": "http",
        "prack.request_id": "abc",
        "prack.attempt": 2,
        "prack.deadline_ms": 59_500,
        "prack.queued_ms": 1_500,
        "prack.target": "/",
        "prack.headers": [],
        "body": "",
    }


@pytest.mark.parametrize(
    ("scheme", "authority", "name", "port"),
    [
        (b"http", b"shop.example.com:8080", "shop.example.com", "8080"),
        (b"https", b"shop.example.com", "shop.example.com", "443"),
        (b"https", b"shop.example.com:", "shop.example.com", "443"),
        (b"http", b"[::1]", "[::1]", "80"),
        (b"http", b"[::1]:81", "[::1]", "81"),
        (b"http", b"", "", "80"),
    ],
)
def test_the_server_is_what_the_client_called(
    scheme: bytes, authority: bytes, name: str, port: str
) -> None:
    found = environment(authority=authority, scheme=scheme)
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == (name, port)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b/%ff//..;x?a=%zz&b?c", "/a%20b/%ff//..;x", "a=%zz&b?c"),
        (b"/?", "/", ""),
        (b"/caf\xe9", "/café", ""),
    ],
)
def test_the_target_is_not_decoded(target: bytes, path: str, query: str) -> None:
    found = environment(target=target)
    assert (found["PATH_INFO"], found["QUERY_STRING"]) == (path, query)
    assert found["prack.target"] == target.decode("latin-1")


def test_headers_are_there_as_names_and_as_they_came() -> None:
    headers = [
        (b"accept", b"a"),
        (b"cookie", b"x=1"),
        (b"accept", b"b"),
        (b"cookie", b"y=\xe9"),
        (b"content_type", b"evil"),
        (b"proxy", b"evil"),
        (b"content-type", b"text/plain"),
        (b"content-length", b"2"),
    ]
    found = environment(headers, body=b"hi")
    assert found["HTTP_ACCEPT"] == "a, b"
    assert found["HTTP_COOKIE"] == "x=1; y=é"
    assert found["CONTENT_TYPE"] == found["HTTP_CONTENT_TYPE"] == "text/plain"
    assert found["CONTENT_LENGTH"] == found["HTTP_CONTENT_LENGTH"] == "2"
    assert "HTTP_PROXY" not in found
    assert [
        (name.encode("latin-1"), value.encode("latin-1")) for name, value in found["prack.headers"]
    ] == headers
    assert found["body"] == "aGk="


def test_a_body_of_unknown_length_has_a_length_now() -> None:
    found = environment(body=b"hello")
    assert found["CONTENT_LENGTH"] == "5"
    assert "HTTP_CONTENT_LENGTH" not in found


def test_the_deadline_is_never_over() -> None:
    assert environment(seconds=-900.0)["prack.deadline_ms"] == 1
