"""What the descriptions of both private ports say about refusals."""

from collections.abc import Mapping
from typing import Any

from prack_grpc.private.callers import HEALTH, PAGES

TEXT = {"type": "string"}
MEDIA = "application/problem+json"
PROBLEM: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "code": {**TEXT, "description": "Stable, see docs/rest.md"},
        "error": TEXT,
        "field": {**TEXT, "description": "The part of the message that is wrong"},
    },
    "required": ["type", "title", "status", "detail", "code", "error"],
}
BAD = "`bad_parameter`"
UNREADABLE = {
    400: "`bad_json` (says where), `bad_body`, `bad_parameter`",
    408: "`upload_stalled`: nothing came of the body for 30 seconds",
    413: "`too_large`",
}
CALLERS = {
    401: "`unauthenticated`: a token is needed, and this is none",
    403: "`cross_site` or `unknown_host`: called by a web page, or under an unknown name; "
    "`forbidden`: the credentials do not allow it",
}


def problems(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """Responses of a route: problem documents, told by their status."""
    content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in told.items()}


def complete(schema: dict[str, Any]) -> None:
    """Add to each operation what every caller may be told."""
    for path, operations in schema["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            # FastAPI's own refusal of parameters, which we answer in our way.
            if responses.get("422", {}).get("description") == "Validation Error":
                del responses["422"]
                _add(responses, {400: BAD})
            if path not in HEALTH and not PAGES.fullmatch(path):
                _add(responses, CALLERS)
            operation["responses"] = dict(sorted(responses.items()))


def _add(responses: dict[str, Any], told: Mapping[int, str]) -> None:
    for status, response in problems(told).items():
        responses.setdefault(str(status), response)
