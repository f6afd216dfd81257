"""The messages of a WebSocket as a stream of bytes: `application/websocket-events`.

An event is a line with its name and, if it has data, the data's size in hexadecimal; then the
data, then a line end: `OPEN`, `TEXT 5` `hello`, `CLOSE 2` and two bytes of code (RFC 6455 section
5.5.1). Both directions of an upgraded exchange are such streams; see proto/README.md section 10.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

OPEN = b"OPEN"
TEXT = b"TEXT"
BINARY = b"BINARY"
CLOSE = b"CLOSE"
DISCONNECT = b"DISCONNECT"

LINE = re.compile(rb"([A-Z]{1,32})(?: ([0-9A-Fa-f]{1,8}))?")
MAX_LINE = 64
MAX_REASON = 123  # bytes: a control frame holds 125 (RFC 6455, section 5.5)
MAX_EVENT = 1024 * 1024  # bytes of data (proto/README.md, section 10.2)


class BadEvents(ValueError):
    """The bytes are no stream of events, or an event is larger than agreed."""


class Event(NamedTuple):
    """One event; `data` is UTF-8 for TEXT, code and reason for CLOSE."""

    name: bytes
    data: bytes = b""


def encode(name: bytes, data: bytes | None = None) -> bytes:
    """One event as bytes."""
    return b"%b\r\n" % name if data is None else b"%b %x\r\n%b\r\n" % (name, len(data), data)


def close_data(code: int, reason: str = "") -> bytes:
    """The data of a CLOSE event; code 1005 ("none was given") has none."""
    if code == 1005:
        return b""
    short = reason.encode()[:MAX_REASON].decode(errors="ignore")  # no half of a character
    return code.to_bytes(2, "big") + short.encode()


def close_code(data: bytes) -> tuple[int, str]:
    """Code and reason of a CLOSE event's data."""
    if len(data) < 2:
        return 1005, ""
    return int.from_bytes(data[:2], "big"), data[2:].decode(errors="replace")


class Decoder:
    """Turns bytes, in pieces of any size, into events. Holds one event of at most `max_size`."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Event]:
        """The events that are now complete. Raises BadEvents."""
        return list(self.each(data))

    def each(self, data: bytes) -> Iterator[Event]:
        """As `feed`, one by one: a piece may hold thousands."""
        self._buffer += data
        while (event := self._next()) is not None:
            yield event

    def end(self) -> None:
        """No more comes. Raises BadEvents in the middle of an event."""
        if self._buffer:
            raise BadEvents("the last event is incomplete")

    def _next(self) -> Event | None:
        end = self._buffer.find(b"\r\n", 0, MAX_LINE)
        if end < 0:
            if len(self._buffer) >= MAX_LINE:
                raise BadEvents("expected a line with the name and size of an event")
            return None
        match = LINE.fullmatch(bytes(self._buffer[:end]))
        if match is None:
            raise BadEvents(f"not a valid event: {bytes(self._buffer[:end])!r}")
        name, size = match.groups()
        if size is None:
            del self._buffer[: end + 2]
            return Event(name)
        return self._with_data(name, int(size, 16), end + 2)

    def _with_data(self, name: bytes, size: int, start: int) -> Event | None:
        if size > self._max_size:
            raise BadEvents(f"an event of {size} bytes; the limit is {self._max_size}")
        stop = start + size
        if len(self._buffer) < stop + 2:
            return None
        if self._buffer[stop : stop + 2] != b"\r\n":
            raise BadEvents("an event's data is longer than its size")
        with memoryview(self._buffer) as view:
            data = bytes(view[start:stop])
        del self._buffer[: stop + 2]
        return Event(name, data)
