"""A request as the original's workers know it: a Rack-like environment, with additions."""

import json
from base64 import b64encode
from typing import Any

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Kind, Request

PORTS = {b"http": "80", b"https": "443"}
# Headers that CGI names without the prefix; the original sent them with it, so both are here.
UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")


def encode(assignment: Assignment, body: bytes, seconds: float) -> bytes:
    """The JSON object of one request, which is to be answered within so many seconds."""
    environment = _environment(assignment, body, seconds)
    start = json.dumps({"identifier": assignment.identifier, "environment": environment})
    # Base64 needs no escapes, so a large body does not pass through the JSON encoder.
    return b'%b, "body": "%b"}}' % (start[:-2].encode(), b64encode(body))


def _environment(assignment: Assignment, body: bytes, seconds: float) -> dict[str, Any]:
    request = assignment.request
    path, _, query = request.target.partition(b"?")
    name, port = _server(request)
    environment: dict[str, Any] = {
        "REQUEST_METHOD": request.method.decode("latin-1"),
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/" + request.http_version.decode("latin-1"),
        "REMOTE_ADDR": request.client[0],
        "REMOTE_PORT": str(request.client[1]),
        "rack.url_scheme": request.scheme.decode("latin-1"),
        "prack.request_id": assignment.request_id,
        "prack.attempt": assignment.attempt,
        "prack.deadline_ms": max(1, int(seconds * 1000)),
        "prack.queued_ms": int(assignment.queued * 1000),
        "prack.target": request.target.decode("latin-1"),
    }
    if request.kind is Kind.EVENTS:
        environment["prack.websocket"] = "events"
    if body:
        environment["CONTENT_LENGTH"] = str(len(body))
    _add_headers(environment, request)
    return environment


def _add_headers(environment: dict[str, Any], request: Request) -> None:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers]
    for name, value in headers:
        # `a_b` would pass for `a-b`, and HTTP_PROXY for a setting of the machine (httpoxy).
        if "_" in name or name == "proxy":
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        if key in environment:
            separator = "; " if name == "cookie" else ", "
            value = environment[key] + separator + value
        environment[key] = value
    for key in UNPREFIXED:
        if "HTTP_" + key in environment:
            environment[key] = environment["HTTP_" + key]
    environment["prack.headers"] = headers


def _server(request: Request) -> tuple[str, str]:
    host = request.authority.decode("latin-1")
    name, colon, port = host.rpartition(":")
    if colon and port.isdigit():
        return name, port
    return host.removesuffix(":"), PORTS.get(request.scheme, "80")
