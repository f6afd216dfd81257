"""The two messages of an exchange. Header names are lower-case; order and repeats are kept."""

import enum
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

Headers = list[tuple[bytes, bytes]]
# RFC 9218 section 4.1: from 0, the most urgent, to 7.
DEFAULT_URGENCY = 3


class Kind(enum.IntEnum):
    """What an exchange carries; a worker says which kinds it serves."""

    HTTP = 0
    WEBSOCKET = 1  # both bodies are streams of websocket-events, see proto/README.md section 10
    EVENTS = 2  # a batch of a WebSocket's events, and what they are answered with, see docs/rest.md


# To look a member of an enumeration up costs 0.1 us (CPython 3.11); these are asked for often.
HTTP, WEBSOCKET, EVENTS = Kind.HTTP, Kind.WEBSOCKET, Kind.EVENTS


class Trace(Protocol):
    """Follows one request; `id` is what all that follow it call it."""

    id: str

    def handed(self, headers: Headers) -> None:
        """A worker is about to get these, which may be changed so that it goes on from here."""


@dataclass(slots=True)
class Request:
    """What the client sent, ready to be handed to a worker (hop-by-hop fields are gone).

    `target` is the raw path and query as sent. `body_length` is the client's Content-Length, 0
    when there is no body, -1 when its length is unknown (chunked). `expects` says that the client
    waits for 100 (Continue) before it sends the body. `priority` is the urgency of RFC 9218: the
    lower goes first. `opening` is what a worker that takes EVENTS is given in place of a
    WEBSOCKET: a request of that kind, and its body. The fields of its `handshake` are for a worker
    that answers it itself, in a tunnel. It `counts_for` one client, where limits are by client;
    empty for one that they do not hold. One without a body that came from a peer is `packed` as it
    came, as a worker gets it, too.

    `id` is made by this gateway, and no other request has it. By `x_request_id` client, worker and
    log know it: the client's own word, which several requests may have, or the id. A `trace` is
    told of each hand-out.
    """

    method: bytes
    scheme: bytes
    authority: bytes
    target: bytes
    http_version: bytes
    headers: Headers
    client: tuple[str, int]
    body_length: int
    id: str
    x_request_id: str = ""
    counts_for: str = ""
    priority: int = DEFAULT_URGENCY
    expects: bool = False
    kind: Kind = Kind.HTTP
    opening: "tuple[Request, bytes] | None" = None
    handshake: tuple[tuple[bytes, bytes], ...] = ()
    trace: Trace | None = None
    packed: bytes = b""

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    @property
    def size(self) -> int:
        """Bytes that this request keeps in memory while it waits, roughly."""
        return len(self.target) + size_of(self.headers)


@dataclass(slots=True)
class ResponseHead:
    """A checked response head; `body` is its first part, or, with `end`, all of it.

    `body_length` is the Content-Length that the worker declared, -1 when it declared none.
    """

    status: int
    headers: Headers
    body: bytes
    end: bool
    body_length: int


def size_of(headers: Headers) -> int:
    """Bytes of these names and values."""
    return len(b"".join(chain.from_iterable(headers)))
