"""What /docs and /openapi.json say about the endpoints: data, no behaviour."""

from typing import Any

from prack_grpc.private.description import BAD, PROBLEM, TEXT, UNREADABLE, problems

ABOUT = """
Workers dial in here: they **pull** requests that came to the public port, and **push** the answers.

    curl 'http://127.0.0.1:4242/api/v1/request?wait=30'
    curl http://127.0.0.1:4242/api/v1/response -d '{"identifier": "...", "code": 200,
      "headers": {"Content-Type": "text/plain"}, "body": "aGVsbG8K"}'

A loop of these two calls is a worker. `POST /api/v1/exchange` does both in one round trip, for many
requests at a time. `GET /api/v1/requests/next` and the endpoints beside it carry bodies of any size
as they are, without JSON and base64. Whoever holds a request owes an answer within
`prack.deadline_ms`; the client gets 504 otherwise. One process may poll as often in parallel as it
can work in parallel.

A missing or wrong JSON member, an unknown identifier and the like are answered with
`application/problem+json`: `code` is stable, `error` is a sentence for people. With a token set,
everything under `/api/v1` wants `Authorization: Bearer <token>`.
"""

IDENTIFIER = "3f2c9a0be0d94c7d9c2f6a52c11f4be2.1"
REQUEST = {
    "identifier": IDENTIFIER,
    "environment": {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a%20b/c",
        "QUERY_STRING": "x=1",
        "SERVER_NAME": "shop.example.com",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "50123",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": "7",
        "HTTP_HOST": "shop.example.com",
        "HTTP_CONTENT_TYPE": "application/x-www-form-urlencoded",
        "HTTP_CONTENT_LENGTH": "7",
        "HTTP_COOKIE": "a=b",
        "rack.url_scheme": "http",
        "prack.request_id": IDENTIFIER.partition(".")[0],
        "prack.attempt": 1,
        "prack.deadline_ms": 59990,
        "prack.queued_ms": 4,
        "prack.target": "/a%20b/c?x=1",
        "prack.headers": [["host", "shop.example.com"], ["cookie", "a=b"]],
        "body": "aGVsbG89MQ==",
    },
}
ANSWER = {
    "identifier": IDENTIFIER,
    "code": 200,
    "headers": {"Content-Type": "text/plain", "Set-Cookie": ["a=1", "b=2"]},
    "body": "aGVsbG8K",
}
SECURED: dict[str, Any] = {"security": [{"bearer": []}]}
ROUTES = "`[METHOD[,METHOD] ][host][/path]`, such as `GET,HEAD shop.example.com/cart`"
POLL: dict[str, dict[str, Any]] = {
    "worker": {**TEXT, "default": "rest", "description": "1 to 128 visible ASCII characters"},
    "service": {**TEXT, "description": "What the worker runs"},
    "version": {**TEXT, "description": "Which version of it"},
    "wait": {"type": "number", "minimum": 0, "maximum": 60, "default": 5, "description": "Seconds"},
    "max": {"type": "integer", "minimum": 1, "maximum": 100},
    "tier": {
        "type": "integer",
        "minimum": 0,
        "maximum": 9,
        "default": 0,
        "description": "Gets work only while no worker of a lower tier waits for it",
    },
    "lease": {
        "type": "integer",
        "minimum": 1,
        "maximum": 3600,
        "description": "Seconds after which a request that is neither answered nor extended was "
        "lost with its worker; by default the gateway's `head_timeout`, then 504",
    },
    "websockets": {"enum": ["events"], "description": "Also takes WebSockets, see docs/rest.md"},
}
ROUTE_LIST = {"type": "array", "items": TEXT, "description": ROUTES}


def record(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": list(required), **more}


def ref(name: str) -> dict[str, Any]:
    """One of the named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def list_of(name: str) -> dict[str, Any]:
    """A list of one of the named schemas."""
    return {"type": "array", "items": ref(name)}


SCHEMAS = {
    "Request": record(
        {"identifier": TEXT, "environment": {"type": "object"}},
        "identifier",
        "environment",
        example=REQUEST,
    ),
    "Requests": record({"requests": list_of("Request")}, "requests"),
    "Answer": record(
        {
            "identifier": TEXT,
            "code": {"oneOf": [{"type": "integer"}, TEXT], "description": "200 to 599"},
            "headers": {
                "oneOf": [{"type": "object"}, {"type": "array"}],
                "description": "Strings, or lists of strings for repeats; or [name, value] pairs",
            },
            "body": {**TEXT, "format": "byte", "description": "Base64, line breaks allowed"},
        },
        "identifier",
        "code",
        example=ANSWER,
    ),
    "Result": record(
        {
            "identifier": {"description": "As it was sent, null if there was none"},
            "status": {"type": "integer"},
            "code": TEXT,
            "error": TEXT,
            "field": TEXT,
        },
        "identifier",
        "status",
    ),
    "Results": record({"results": list_of("Result")}, "results"),
    "Exchange": record(
        {
            **POLL,
            "max": {**POLL["max"], "minimum": 0, "default": 1, "description": "0: only answers"},
            "routes": ROUTE_LIST,
            "responses": list_of("Answer"),
        }
    ),
    "Exchanged": record(
        {"requests": list_of("Request"), "results": list_of("Result")}, "requests", "results"
    ),
    "Message": record({"message": TEXT}, "message", example={"message": "thank you"}),
    "Nothing": record({"error": TEXT}, "error", example={"error": "There are no requests pending"}),
    "Abort": record(
        {
            "code": {
                "enum": ["handler_error", "timed_out", "unsupported", "overloaded"],
                "default": "handler_error",
            },
            "message": {**TEXT, "description": "For the log, the client does not see it"},
        }
    ),
    "Extension": record({"ms": {"type": "integer", "minimum": 1}}, "ms", example={"ms": 30000}),
    "Deadline": record({"deadline_ms": {"type": "integer"}}, "deadline_ms"),
    "Problem": {
        **PROBLEM,
        "properties": {**PROBLEM["properties"], "results": list_of("Result")},
    },
}


def content(*names: str, media: str = "application/json") -> dict[str, Any]:
    """A body that is one of these schemas."""
    refs = [ref(name) for name in names]
    return {"content": {media: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}}


def operation(
    summary: str,
    success: dict[str, Any],
    refusals: dict[int, str],
    takes: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Arguments for `FastAPI.add_api_route`. `refusals` are told by their status."""
    extra: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if takes:
        extra["requestBody"] = {**takes, "required": True}
    return {
        "summary": summary,
        "responses": {200: {"description": "Done", **success}, **problems(refusals)},
        "openapi_extra": {**extra, **SECURED},
    }


def query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "required": False, "schema": schema}


NAMED = [{"name": "identifier", "in": "path", "required": True, "schema": TEXT}]
HELD = {
    404: "`unknown_request`: never handed out, or long ago",
    409: "`already_answered`, or `stale_lease`: given back before",
    410: "`gone`: the client left, or the time was over",
}
POLLED = {
    429: "`too_many_polls`, `too_many_routes`, with Retry-After",
    503: "`draining`: the gateway stops, poll another one",
}
ANSWERED = operation(
    "Answer one request, or a list of them",
    content("Message", "Results"),
    {**UNREADABLE, **HELD, 422: "`bad_answer`: `field` says which part; the client got 502"},
    {
        "content": {
            "application/json": {
                "schema": {"oneOf": [ref("Answer"), list_of("Answer")]},
                "examples": {"one": {"value": ANSWER}, "batch": {"value": [ANSWER]}},
            }
        }
    },
)
OPERATIONS: dict[str, dict[str, Any]] = {
    "poll": operation(
        "Pull a request, or with `max` a list of them",
        content("Request", "Requests"),
        {400: BAD, **POLLED},
        None,
        [*(query(name, schema) for name, schema in POLL.items()), query("route", ROUTE_LIST)],
    ),
    "answer": ANSWERED,
    "exchange": operation(
        "Answer and pull in one round trip",
        content("Exchanged"),
        {**UNREADABLE, **POLLED},
        content("Exchange"),
    ),
    "error": operation(
        "End a request without an answer: the client gets an error",
        content("Message"),
        {**UNREADABLE, **HELD},
        content("Abort"),
        NAMED,
    ),
    "release": operation(
        "Give a request back unstarted", content("Message"), {**UNREADABLE, **HELD}, None, NAMED
    ),
    "extend": operation(
        "Ask for more time",
        content("Deadline"),
        {**UNREADABLE, **HELD},
        content("Extension"),
        NAMED,
    ),
}
STREAM = {
    "stream": {
        "summary": "Open a stream of frames",
        "status_code": 101,
        "responses": {
            101: {"description": "Frames follow, both ways"},
            **problems(
                {
                    426: "`upgrade_required`: it was not asked for",
                    503: "`draining`: the gateway stops, dial another one",
                }
            ),
        },
        "openapi_extra": SECURED,
    }
}
# The original's answer to a poll; not a problem, its clients know it.
OPERATIONS["poll"]["responses"][404] = {"description": "Nothing came", **content("Nothing")}
COMPONENTS = {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}}
