"""One request that is handed out, and what the worker has said of it."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from prack_grpc.conformance.case import Broken

HOST = b"kit.example.com"
DEADLINE_MS = 60_000
Fields = Sequence[tuple[bytes, bytes]]


@dataclass(eq=False)
class HandOut:
    """One request.

    Attributes:
        more: members of its environment that no version has.
        given: the worker has it; `pushes` counts its answers, however they ended.
        how: "json", "raw" or "chunks", of the answer.
        verdict: status and code that a push gets, if not thanks.
        error: the code with which the worker ended it in place of an answer, or "released".
        cut: the upload of its answer broke off.
    """

    identifier: str
    method: str
    target: str
    fields: Fields
    body: bytes = b""
    deadline_ms: int = DEADLINE_MS
    events: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    given: bool = False
    pushes: int = 0
    how: str = ""
    verdict: tuple[int, str] | None = None
    status: int = 0
    answer_fields: Fields = ()
    answer: bytearray = field(default_factory=bytearray)
    complete: bool = False
    error: str = ""
    cut: bool = False
    extensions: int = 0
    chunks: int = 0

    def __str__(self) -> str:
        end = self.error or ("cut" if self.cut else "answered" if self.complete else "not answered")
        return f"{self.method} {self.target} ({self.status or 'no status'}, {end})"

    @property
    def done(self) -> bool:
        """The worker has ended it."""
        return self.complete or self.cut or bool(self.error)

    def environment(self) -> dict[str, Any]:
        """As a poll with JSON has it."""
        path, _, query = self.target.partition("?")
        headers = [[name.decode(), value.decode("latin-1")] for name, value in self.fields]
        joined: dict[str, str] = {}
        for name, value in headers:
            key = f"HTTP_{name.upper().replace('-', '_')}"
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
        known = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": HOST.decode(),
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "192.0.2.7",
            "REMOTE_PORT": "50123",
            "CONTENT_LENGTH": str(len(self.body)),
            "rack.url_scheme": "http",
            "body": base64.b64encode(self.body).decode(),
            "prack.request_id": self.identifier.partition(".")[0],
            "prack.attempt": 1,
            "prack.deadline_ms": self.deadline_ms,
            "prack.queued_ms": 0,
            "prack.target": self.target,
            "prack.headers": headers,
        }
        marked = {"prack.websocket": "events"} if self.events else {}
        return joined | known | marked | self.more

    def head(self) -> bytes:
        """As a poll without JSON has it, up to the body."""
        lines = [b"%b %b HTTP/1.1" % (self.method.encode(), self.target.encode("latin-1"))]
        lines += [b"%b: %b" % pair for pair in self.fields]
        return b"\r\n".join([*lines, b"", b""])

    def take(self, answer: dict[str, Any]) -> None:
        """An answer in JSON. Raises Broken."""
        self.how = "json"
        self.status = code(answer.get("code"))
        self.answer_fields = fields(answer.get("headers", {}))
        self.answer[:] = decoded(answer.get("body", ""))
        self.complete = True


def code(value: object) -> int:
    """The status of an answer. Raises Broken."""
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text.isdigit() or not 200 <= int(text) <= 599:
        raise Broken("Push", f"the code {value!r}; expected a number from 200 to 599")
    return int(text)


def fields(value: object) -> Fields:
    """The headers of an answer. Raises Broken."""
    if isinstance(value, dict):
        items = [
            (name, one)
            for name, many in value.items()
            for one in (many if isinstance(many, list) else [many])
        ]
    elif isinstance(value, list) and all(isinstance(i, list) and len(i) == 2 for i in value):
        items = [(name, one) for name, one in value]
    else:
        raise Broken(
            "Push", f"headers {str(value)[:80]}; expected an object or [name, value] pairs"
        )
    try:
        return [(name.lower().encode("latin-1"), one.encode("latin-1")) for name, one in items]
    except (AttributeError, UnicodeEncodeError) as error:
        raise Broken("Push", f"headers that are no strings of Latin-1: {error}") from None


def decoded(value: object) -> bytes:
    """A body in base64, perhaps with line ends. Raises Broken."""
    try:
        if not isinstance(value, str):
            raise TypeError(f"{type(value).__name__} in place of a string")
        return base64.b64decode("".join(value.split()), validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Broken("Push", f"a body that is no base64 with padding: {error}") from None
