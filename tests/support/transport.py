"""The transport of a connection without a kernel, which keeps what is asked of it."""

import asyncio
import socket
from typing import Any


class KeptTransport(asyncio.Transport):
    """Has `written` these; it `reads` now or not, after so many `pauses` and `resumes`."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        super().__init__({"socket": sock})
        self.written: list[bytes] = []
        self.pauses = self.resumes = 0
        self.reads = True
        self.closing = False
        self.closed = False
        self.half = True  # it can end one direction, as TLS cannot

    def write(self, data: Any) -> None:
        """See asyncio.Transport."""
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        """See asyncio.Transport. Nothing is ever unsent."""
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.Transport."""

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        self.reads = False
        self.pauses += 1

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        self.reads = True
        self.resumes += 1

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self.closing

    def can_write_eof(self) -> bool:
        """See asyncio.Transport."""
        return self.half

    def write_eof(self) -> None:
        """See asyncio.Transport."""

    def close(self) -> None:
        """See asyncio.Transport."""
        self.closed = True

    def abort(self) -> None:
        """See asyncio.Transport."""
