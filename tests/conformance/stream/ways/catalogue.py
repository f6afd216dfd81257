"""Where the ways to break the small worker of streams are kept, and what they share."""

import asyncio
import os
from typing import Any

from prack.v1 import worker_pb2 as pb
from tests.conformance.stream.worker import Stream
from tests.conformance.ways import Ways, replace

WAYS = Ways()
breaks = WAYS.breaks


def spoil_hello(**fields: Any) -> None:
    """Say hello with other fields."""
    hello = Stream.hello

    def spoilt(self: Stream) -> pb.Hello:
        told = hello(self)
        for name, value in fields.items():
            setattr(told, name, value() if callable(value) else value)
        return told

    replace(Stream, hello=spoilt)


async def never(*_: Any) -> None:
    """Do nothing, for ever."""
    await asyncio.Event().wait()


def exits(*_: Any) -> None:
    """The process is gone."""
    os._exit(1)
