"""What a worker's poll asks for: the bytes are a query string, and JSON."""

import asyncio
import json

from prack_grpc.private.bodies import parse_object
from prack_grpc.private.errors import ApiError
from prack_grpc.rest import ask


def one(data: bytes) -> None:
    """See the module."""
    try:
        ask.from_query(data)
    except ApiError as error:
        error.response()
    try:
        members = asyncio.run(parse_object(data))
        # Whatever is taken can be written into logs and answers.
        json.dumps(members, ensure_ascii=False).encode()
        ask.from_members(members, 1)
    except ApiError as error:
        error.response()
