"""Requests and header fields between the messages of the wire and this library."""

from __future__ import annotations

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import Headers, as_field
from prack_worker.request import Request


def flatten(headers: Headers) -> tuple[list[bytes], int]:
    """Fields as the wire has them (section 4.4), and how many bytes they are.

    Others are in the frame of one that protobuf refuses. Raises ResponseRefused.

    (By `__class__`, and appended one by one: else this costs a tenth more.)
    """
    flat: list[bytes] = []
    for name, value in headers:
        if name.__class__ is not bytes or value.__class__ is not bytes:
            name, value = as_field(name, value)
        flat.append(name.lower())
        flat.append(value)
    return flat, len(b"".join(flat))


def to_request(message: pb.Request, now: float) -> Request:
    """The request that a message holds; `now` is when it came, on the event loop's clock.

    (By position, and each field of the message read once: else this costs a third more.)
    """
    parts, client, upgrade = iter(message.headers[:]), message.client, message.upgrade
    ip = client.ip
    return Request(
        message.id,
        message.request_id,
        message.method.decode("latin-1"),
        message.scheme.decode("latin-1"),
        message.authority.decode("latin-1"),
        message.target,
        message.http_version.decode("latin-1"),
        list(zip(parts, parts, strict=False)),
        (ip, client.port) if ip else None,
        now + message.deadline_ms / 1000,
        message.attempt,
        upgrade != pb.UPGRADE_UNSPECIFIED,
        upgrade == pb.UPGRADE_TUNNEL,
    )
