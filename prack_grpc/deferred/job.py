"""A job: a request that is kept until a worker has answered it, and what is written of it."""

import json
import secrets
from dataclasses import dataclass
from zlib import crc32

from prack_grpc.core.deferred.states import State
from prack_grpc.core.http.message import Headers, Request

# Bytes of a request's body, and of the answer that is kept.
MAX_BODY = 512 * 1024
LINES = 8
# Behind all that clients wait for (RFC 9218 section 4.1).
URGENCY = 7


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker has answered. `whole` is false if its body was too large to be kept."""

    status: int
    headers: Headers
    body: bytes
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """A request and how far it has come. Times are Unix times.

    Who knows the `id` may see the answer, so nobody can guess it. Of one `line` a few wait for a
    worker at a time. A `call` goes to a client that has asked for it, not to a worker; its request
    names the URL. `key` is empty, or what makes another request the same one, which must then have
    the same `digest`. `callback` is where the result is wanted, or empty. `reason` says how the
    last attempt ended.
    """

    id: str
    line: str
    request: Request
    body: bytes
    created: float
    due: float
    call: bool = False
    key: bytes = b""
    digest: bytes = b""
    callback: str = ""
    state: State = State.WAITING
    attempts: int = 0
    reason: str = ""
    answer: Answer | None = None

    @property
    def url(self) -> str:
        """Where the request goes."""
        one = self.request
        return (one.scheme + b"://" + one.authority + one.target).decode("latin-1")


def line_of(kind: str, host: str) -> str:
    """The line of a host: they share a few, as strangers name them and could make many."""
    return f"{kind} {crc32(host.lower().encode()) % LINES}"


def new_id() -> str:
    """A name that nobody can guess: 128 bits in hexadecimal digits."""
    return secrets.token_hex(16)


def written_head(request: Request) -> bytes:
    """The request without its body, as JSON. Its bytes are those of Latin-1."""
    return json.dumps(
        {
            "method": request.method.decode("latin-1"),
            "scheme": request.scheme.decode("latin-1"),
            "authority": request.authority.decode("latin-1"),
            "target": request.target.decode("latin-1"),
            "version": request.http_version.decode("latin-1"),
            "client": request.client,
            "x_request_id": request.x_request_id,
            "headers": texts(request.headers),
        }
    ).encode()


def read_head(text: bytes, length: int) -> Request:
    """What `written_head` has written; the body has this length. Each has an `id` of its own."""
    head = json.loads(text)
    address, port = head["client"]
    return Request(
        head["method"].encode("latin-1"),
        head["scheme"].encode("latin-1"),
        head["authority"].encode("latin-1"),
        head["target"].encode("latin-1"),
        head["version"].encode("latin-1"),
        _fields(head["headers"]),
        (address, port),
        length,
        priority=URGENCY,
        id=new_id(),
        x_request_id=head["x_request_id"],
    )


def written_fields(headers: Headers) -> bytes:
    """Fields as JSON."""
    return json.dumps(texts(headers)).encode()


def read_fields(text: bytes) -> Headers:
    """What `written_fields` has written."""
    return _fields(json.loads(text))


def texts(headers: Headers) -> list[list[str]]:
    """Fields as JSON values."""
    return [[name.decode("latin-1"), value.decode("latin-1")] for name, value in headers]


def _fields(texts: list[list[str]]) -> Headers:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in texts]
