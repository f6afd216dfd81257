"""A request as it crosses a link: what a worker would get, and what only gateways know of it."""

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import HTTP, Kind, Request


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


def read_request(message: pb.Request, about: link.Particulars | None) -> Request:
    """The request that a host hands out. Raises ValueError."""
    each, client, id_ = iter(message.headers[:]), message.client, message.request_id
    headers = list(zip(each, each, strict=True))
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
        packed=message.SerializeToString() if message.end and not message.body else b"",
    )
