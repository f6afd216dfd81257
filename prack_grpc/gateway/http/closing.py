"""How a client's connection ends: with everything that was sent, but not later than must be."""

import asyncio
import contextlib
import select
import socket
import struct
from functools import partial

from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.timeouts import Phase, Timeout
from prack_grpc.turns import Turns

GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR


class Closing:
    """Watches that the client takes what it is sent, and ends its connection."""

    __slots__ = ("_limits", "_loop", "_timeout", "_timer", "_transport")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        limits: ConnectionLimits,
        timeout: Timeout,
    ) -> None:
        self._loop = loop
        self._transport = transport
        self._limits = limits
        self._timeout = timeout
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> None:
        """Reset the connection unless the client goes on taking what is unsent."""
        self.cancel()
        unsent = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._limits.write_seconds, self._check, unsent)

    def unwatch(self) -> None:
        """The client has taken most of it; what is left of a last answer is watched on."""
        self.cancel()
        if self._timeout.phase is Phase.LINGER:
            self.watch()

    def cancel(self) -> None:
        """The connection is gone, or has nothing to take."""
        if self._timer is not None:
            self._timer.cancel()

    def close(self, half: bool) -> None:
        """End the connection once the client has what is unsent.

        A close with unread bytes would be a reset, which may cost the client the answer: while it
        may still be sending, only our `half` is closed.
        """
        self._timeout.start(Phase.LINGER, self._limits.linger_seconds)
        try:
            if half and self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()
        except OSError:
            self._transport.abort()  # the client was faster

    def left(self, goings: Turns, flow: Flow) -> bool:
        """The client has sent all. Returns whether the connection waits for its turn to end.

        What it has sent has its turn before. Not over TLS, which ends it at once.
        """
        waits = self._transport.can_write_eof()
        if waits:
            # What has started in this turn may have its first step, and with it an answer, before.
            flow.later(partial(self._loop.call_soon, goings.wait, self._transport.close))
        return waits

    def late(self) -> None:
        """The client had its time to read the last answer; it has more while it reads."""
        if self._transport.get_write_buffer_size():
            self.watch()
        else:
            self._transport.abort()

    def gone(self) -> bool:
        """The client has left; a transport that is not read does not notice."""
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket").fileno(), GONE)
        return bool(poll.poll(0))

    def reset(self) -> None:
        """End the connection now, and never so that it looks like the end of a response."""
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError, ValueError):  # closed already, to uvloop a ValueError
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _check(self, unsent: int) -> None:
        left = self._transport.get_write_buffer_size()
        if 0 < left < unsent:
            self.watch()
        elif left or self._timeout.phase is Phase.LINGER:
            self.reset()
