"""A request as it crosses a link: what a worker would get, and what only gateways know of it."""

from typing import Any

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import DEFAULT_URGENCY, HTTP, Headers, Kind, Request


def particulars(assignment: Assignment) -> link.Particulars:
    """What the host must know beside the frame, of what is no plain HTTP request or has a name."""
    request = assignment.request
    own_word = "" if request.x_request_id == assignment.request_id else request.x_request_id
    return link.Particulars(
        id=assignment.number,
        kind=link.Kind.ValueType(request.kind.value),
        x_request_id=own_word,
        handshake=len(request.handshake) if assignment.profile.tunnel else 0,
    )


class Bodiless(Request):
    """One that a worker gets as it came, `packed`.

    What else it has is read when somebody asks for it, which nearly nobody does.
    """

    __slots__ = ()

    def __init__(self, message: pb.Request, kind: Kind, x_request_id: str) -> None:
        self.packed = message.SerializeToString()
        self.method = message.method
        self.id = id_ = message.request_id
        self.x_request_id = x_request_id or id_
        self.kind = kind
        self.counts_for = ""
        self.priority = DEFAULT_URGENCY
        self.opening = self.trace = None
        self.handshake = ()

    def __getattr__(self, name: str) -> Any:
        """Of what was not read so far."""
        if name not in LATER:
            raise AttributeError(name)
        message = pb.Request.FromString(self.packed)
        self.scheme, self.authority = message.scheme, message.authority
        self.target, self.http_version = message.target, message.http_version
        self.headers = _pairs(message)
        self.client = message.client.ip, message.client.port
        self.body_length, self.expects = message.body_length, message.expect_continue
        return getattr(self, name)


# Of a Bodiless.
LATER = {
    "scheme",
    "authority",
    "target",
    "http_version",
    "headers",
    "client",
    "body_length",
    "expects",
}


def read_request(message: pb.Request, about: link.Particulars | None) -> Request:
    """The request that a host hands out. Raises ValueError."""
    if len(message.headers) % 2:
        raise ValueError("a field of a request has no value")
    if message.end and not message.body and not (about and about.handshake):
        kind, own_word = (Kind(about.kind), about.x_request_id) if about else (HTTP, "")
        return Bodiless(message, kind, own_word)
    headers, client, id_ = _pairs(message), message.client, message.request_id
    handshake: tuple[tuple[bytes, bytes], ...] = ()
    if about and about.handshake:
        cut = len(headers) - about.handshake
        headers, handshake = headers[:cut], tuple(headers[cut:])
    return Request(
        message.method,
        message.scheme,
        message.authority,
        message.target,
        message.http_version,
        headers,
        (client.ip, client.port),
        message.body_length,
        id_,
        about.x_request_id if about and about.x_request_id else id_,
        expects=message.expect_continue,
        kind=Kind(about.kind) if about else HTTP,
        handshake=handshake,
    )


def _pairs(message: pb.Request) -> Headers:
    each = iter(message.headers[:])
    return list(zip(each, each, strict=True))
