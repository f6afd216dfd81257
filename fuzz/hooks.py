"""What Schemathesis has to know of the worker API; SCHEMATHESIS_HOOKS has it load this file."""

import http.client
import itertools
import json
import os
import socket
from collections import deque
from typing import Any

import schemathesis

ENOUGH = 20  # clients that wait at a time
POLLS = ("/api/v1/request", "/api/v1/requests/next", "/api/v1/requests/{identifier}")
clients: deque[socket.socket] = deque(maxlen=ENOUGH)
calls = itertools.count()


@schemathesis.serializer("application/http")
def message(_: Any, value: Any) -> bytes:
    """A response, with these bytes as its body."""
    return b"HTTP/1.1 200 OK\r\n\r\n" + str(value).encode(errors="replace")


@schemathesis.hook
def before_call(_: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Nobody waits here, and every second call is about a request that is held."""
    path = case.operation.path
    if case.method == "GET" and path in POLLS and isinstance(case.query, dict):
        case.query.setdefault("wait", 0)
    if path == "/api/v1/exchange" and isinstance(case.body, dict):
        case.body["wait"] = 0
    if "identifier" in (case.path_parameters or {}) and next(calls) % 2:
        case.path_parameters["identifier"] = held()


def held() -> str:
    """A client's request, polled."""
    sock = socket.create_connection(("127.0.0.1", int(os.environ["PUBLIC_PORT"])))
    sock.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
    clients.append(sock)
    api = http.client.HTTPConnection("127.0.0.1", int(os.environ["API_PORT"]))
    api.request("GET", "/api/v1/request?wait=1")
    identifier = json.loads(api.getresponse().read()).get("identifier", "none")
    api.close()
    return str(identifier)
