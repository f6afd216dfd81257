"""Requests and header fields between the messages of the wire and this library."""

from __future__ import annotations

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import Headers
from prack_worker.request import Request


def flatten(headers: Headers) -> tuple[list[bytes], int]:
    """Fields as the wire has them (section 4.4), and how many bytes they are."""
    flat = [part for name, value in headers for part in (name.lower(), value)]
    return flat, sum(map(len, flat))


def to_request(message: pb.Request, now: float) -> Request:
    """The request that a message holds; `now` is when it came, on the event loop's clock."""
    flat = iter(message.headers)
    return Request(
        id=message.id,
        request_id=message.request_id,
        method=message.method.decode("latin-1"),
        scheme=message.scheme.decode("latin-1"),
        authority=message.authority.decode("latin-1"),
        target=message.target,
        http_version=message.http_version.decode("latin-1"),
        headers=list(zip(flat, flat, strict=False)),
        client=(message.client.ip, message.client.port) if message.client.ip else None,
        deadline=now + message.deadline_ms / 1000,
        attempt=message.attempt,
        websocket=message.upgrade == pb.UPGRADE_WEBSOCKET,
    )
