"""What comes over a connection to NATS, in front of what nats-py reads it with.

nats-py wakes a task for what has come, and looks for each kind of line by a regular expression.
Whole messages for one subject are taken here as they are read; it gets all else, in order.
"""

import asyncio
from collections.abc import Callable
from operator import attrgetter
from typing import cast

from nats.protocol.parser import AWAITING_CONTROL_LINE, Parser

LINE = b"\r\n"
unread = attrgetter("_buffer")  # of a StreamReader, which does not say it


class Arrivals(asyncio.Protocol):
    """Takes the place of the protocol of `transport`, which gets what is not for `take`.

    Args:
        reader, parser: of the client, which holds a part of a message until its rest has come.
        subject, number: of the subscription.
        take: gets what each message holds at once, must not raise.
    """

    def __init__(
        self,
        transport: asyncio.BaseTransport,
        reader: asyncio.StreamReader,
        parser: Parser,
        subject: str,
        number: int,
        take: Callable[[bytes], None],
    ) -> None:
        self._behind = cast("asyncio.Protocol", transport.get_protocol())
        self._reader = reader
        self._parser = parser
        self._head = f"MSG {subject} {number} ".encode()
        self._take = take
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        at = 0
        if data.startswith(self._head):
            parser = self._parser
            between = not parser.buf and parser.state == AWAITING_CONTROL_LINE
            if between and not unread(self._reader):
                at = self._taken(data)
        if at < len(data):
            self._behind.data_received(data[at:])

    def _taken(self, data: bytes) -> int:
        """So many bytes are messages that were taken. One that asks for an answer is not."""
        head, at = self._head, 0
        while data.startswith(head, at):
            end = data.find(LINE, at)
            size = data[at + len(head) : end]
            if end < 0 or not size.isdigit():
                break
            start = end + len(LINE)
            stop = start + int(size)
            if stop + len(LINE) > len(data):
                break
            self._take(data[start:stop])
            at = stop + len(LINE)
        return at

    def eof_received(self) -> bool | None:
        return self._behind.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._behind.connection_lost(exc)

    def pause_writing(self) -> None:
        self._behind.pause_writing()

    def resume_writing(self) -> None:
        self._behind.resume_writing()
