"""What /docs and /openapi.json say about the endpoints without JSON: data, no behaviour."""

from typing import Any

from prack_grpc.private.description import BAD, TEXT, UNREADABLE
from prack_grpc.rest.description.openapi import ANSWER as ANSWER_OBJECT
from prack_grpc.rest.description.openapi import (
    HELD,
    IDENTIFIER,
    NAMED,
    POLL,
    POLLED,
    ROUTE_LIST,
    content,
    operation,
    query,
    record,
)

REQUEST = """POST /a%20b/c?x=1 HTTP/1.1\r
host: shop.example.com\r
content-type: text/plain\r
content-length: 5\r
\r
hello"""
ANSWER = """HTTP/1.1 200 OK\r
content-type: text/plain\r
set-cookie: a=1\r
set-cookie: b=2\r
\r
hello"""
BYTES = {"type": "string", "format": "binary"}
NUMBER = {"type": "integer", "minimum": 0}
CHUNK = {"seq": 0, "code": 200, "headers": ANSWER_OBJECT["headers"], "data": "aGVs", "end": False}
SCHEMAS = {
    "Chunk": record(
        {
            "seq": {**NUMBER, "description": "Counts from 0"},
            "data": {**TEXT, "format": "byte", "description": "Base64, line breaks allowed"},
            "end": {"type": "boolean", "default": False, "description": "This is the last one"},
            "code": {"type": "integer", "description": "With `seq` 0: 200 to 599"},
            "headers": {
                "oneOf": [{"type": "object"}, {"type": "array"}],
                "description": "With `seq` 0, as in an answer",
            },
        },
        "seq",
        example=CHUNK,
    ),
    "Window": record(
        {
            "max_offset": {**NUMBER, "description": "Bytes of body taken without waiting"},
            "next": {**NUMBER, "description": "The `seq` that comes next"},
        },
        *("max_offset", "next"),
        example={"max_offset": 524288, "next": 1},
    ),
    "State": record(
        {
            "state": {"enum": ["leased", "answering", "answered", "returned"]},
            "deadline_ms": {"type": "integer", "description": "While `leased`"},
        },
        "state",
        example={"state": "leased", "deadline_ms": 59990},
    ),
}


def _header(schema: dict[str, Any], description: str, example: Any) -> dict[str, Any]:
    return {"schema": schema, "description": description, "example": example}


def _raw(media: str, example: str) -> dict[str, Any]:
    return {"content": {media: {"schema": BYTES, "example": example}}}


def _field(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "schema": TEXT, "description": description}


TOLD = {
    "Prack-Id": _header(TEXT, "Names this hand-out", IDENTIFIER),
    "Prack-Attempt": _header(NUMBER, "1 for the first hand-out", 1),
    "Prack-Deadline-Ms": _header(NUMBER, "Until when to answer", 59990),
    "Prack-Body-Length": _header(NUMBER, "Of the request body, when known", 5),
}
POLLS = [query(name, schema) for name, schema in POLL.items() if name != "max"]
SEPARATE = {"enum": ["inline", "separate"], "default": "inline"}
STREAMED = {
    **HELD,
    408: "`upload_stalled`: nothing came for 30 seconds; the request is over",
    422: "`bad_answer`: `field` says which part; the client got 502, or a cut response",
}
OPERATIONS: dict[str, dict[str, Any]] = {
    "next": operation(
        "Pull a request as an HTTP message",
        {"headers": TOLD, **_raw("application/http", REQUEST)},
        {400: BAD, **POLLED},
        None,
        [*POLLS, query("route", ROUTE_LIST), query("body", SEPARATE)],
    ),
    "body": operation(
        "Read the body of a request",
        _raw("application/octet-stream", "hello"),
        {
            **HELD,
            409: f"`body_busy`: it is being read; {HELD[409]}",
            410: f"`body_gone`: it was read before; {HELD[410]}",
        },
        None,
        NAMED,
    ),
    "respond": operation(
        "Answer one request with an upload",
        content("Message"),
        STREAMED,
        {
            "content": {
                **_raw("application/http", ANSWER)["content"],
                **_raw("application/octet-stream", "hello")["content"],
            }
        },
        [
            *NAMED,
            _field("Prack-Status", "For a plain body: 200 to 599, by default 200"),
            _field("Prack-Header-Content-Type", "For a plain body; any other field likewise"),
        ],
    ),
    "chunk": operation(
        "Answer one request piece by piece",
        content("Window"),
        {
            **UNREADABLE,
            **HELD,
            409: f"`out_of_order`: `next` is the `seq` that is expected; {HELD[409]}",
            422: STREAMED[422],
            429: "`window_full`: the client takes no more now; send the chunk again",
        },
        content("Chunk"),
        NAMED,
    ),
    "state": operation(
        "Ask whether a client still waits",
        content("State"),
        {400: BAD, 404: HELD[404], 410: HELD[410]},
        None,
        [*NAMED, query("wait", {**POLL["wait"], "default": 0})],
    ),
}
OPERATIONS["next"]["responses"][204] = {"description": "Nothing came"}
