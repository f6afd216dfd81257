"""A request as it crosses a link: what a worker would get, and what only gateways know of it."""

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import HTTP, Kind, Request


def particulars(assignment: Assignment) -> link.Particulars | None:
    """What the host must know beside the frame; None if there is nothing."""
    request = assignment.request
    own_word = "" if request.x_request_id == assignment.request_id else request.x_request_id
    if request.kind is HTTP and not own_word:
        return None
    return link.Particulars(
        id=assignment.number,
        kind=link.Kind.ValueType(request.kind.value),
        x_request_id=own_word,
        handshake=len(request.handshake) if assignment.profile.tunnel else 0,
    )


def read_request(message: pb.Request, about: link.Particulars) -> Request:
    """The request that a host hands out. Raises ValueError."""
    flat = message.headers
    headers = list(zip(flat[::2], flat[1::2], strict=True))
    cut = len(headers) - about.handshake
    return Request(
        message.method,
        message.scheme,
        message.authority,
        message.target,
        message.http_version,
        headers[:cut],
        (message.client.ip, message.client.port),
        message.body_length,
        message.expect_continue,
        Kind(about.kind),
        handshake=tuple(headers[cut:]),
        id=message.request_id,
        x_request_id=about.x_request_id or message.request_id,
    )
