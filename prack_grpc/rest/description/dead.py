"""The description of the endpoints for dead letters."""

from typing import Any

from prack_grpc.private.description import TEXT
from prack_grpc.rest.description.openapi import content, operation, record

COUNT = {"type": "integer"}
TIME = {"type": "number", "description": "Unix time"}
BASE64 = {**TEXT, "description": "In base64"}
FIELDS = {"type": "array", "items": {"type": "array", "items": TEXT}}
LETTER = {
    "id": TEXT,
    "state": {"enum": ["dead"]},
    "method": TEXT,
    "url": TEXT,
    "created": TIME,
    "ended": TIME,
    "attempts": COUNT,
    "reason": {**TEXT, "description": "How the last attempt ended"},
    "request_id": TEXT,
}
ANSWER = {"status": COUNT, "headers": FIELDS, "body": BASE64}
WHOLE = {
    **LETTER,
    "headers": FIELDS,
    "body": BASE64,
    "answer": {"oneOf": [record(ANSWER, *ANSWER), {"type": "null"}]},
}
LETTERS = {
    "waiting": COUNT,
    "dead": COUNT,
    "letters": {"type": "array", "items": record(LETTER, *LETTER)},
}
SCHEMAS = {
    "DeadLetters": record(LETTERS, *LETTERS),
    "DeadLetter": record(WHOLE, *WHOLE),
    "LetterId": record({"id": TEXT}, "id"),
}
NAME = [{"name": "letter", "in": "path", "required": True, "schema": TEXT}]
STORE = {503: "`store_failed`: the store does not answer"}
MISSING = {404: "`not_found`: there is no dead letter of this name", **STORE}
OPERATIONS: dict[str, dict[str, Any]] = {
    "dead": operation("The dead letters", content("DeadLetters"), STORE),
    "letter": operation("One dead letter", content("DeadLetter"), MISSING, parameters=NAME),
    "again": operation("Try a dead letter again", content("LetterId"), MISSING, parameters=NAME),
    "drop": operation("Forget a dead letter", content("LetterId"), MISSING, parameters=NAME),
}
