"""One connection to NATS: what nats-py has, but its end."""

import asyncio
from collections.abc import Callable
from typing import Any

import nats.errors
import nkeys
from nats.aio.client import Client
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from prack_grpc.bus.nats.arrivals import Arrivals
from prack_grpc.bus.nats.parcels import KIB, PARCEL

# A server that is silent for so long is given up: before peers take this gateway for dead.
PING_SECONDS, PINGS = 0.5, 2
CONNECT_SECONDS = 1.0
# One try for each server, and one more at once: nats-py knows no smaller number. What cannot be
# sent now is refused, and not kept.
ONCE: dict[str, Any] = {
    "allow_reconnect": False,
    "max_reconnect_attempts": 1,
    "reconnect_time_wait": 0,
    "connect_timeout": CONNECT_SECONDS,
    "ping_interval": PING_SECONDS,
    "max_outstanding_pings": PINGS,
    "pending_size": -1,
}
Take = Callable[[bytes], None]
# With its envelope.
MESSAGE = PARCEL + KIB


class Gone(nats.errors.ConnectionClosedError, RuntimeError):
    """The connection is closed, and nats-py has not heard of it.

    Its own tasks expect the RuntimeError that uvloop raises then, whoever uses it an error of NATS.
    """


def unless_cancelled() -> None:
    """Raise CancelledError if this task was cancelled, and nats-py has not passed that on.

    It waits by `asyncio.wait_for`, which loses a cancellation in Python 3.11 that comes together
    with what is waited for.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class Connection(Client):
    """Used until something is wrong with it; then it is `over`, and somebody makes another.

    nats-py can reconnect by itself. But it closes for good when a server refuses it once, forgets
    watches of JetStream, stays with a server that is about to stop, and keeps what nobody waits
    for any more. Here `publish` never waits, and raises if there is no connection.

    Of a message there and back most was what nats-py does with it: queues and tasks at both ends.
    `post` and `listen` do without.

    `refused` is told what the user of this gateway may not do; `trouble` is why it is over.
    """

    def __init__(self, refused: Callable[[str], None]) -> None:
        super().__init__()
        self.over = asyncio.Event()
        self.trouble = ""
        self._refused = refused
        self._takers: dict[int, Take] = {}
        self._wire: asyncio.WriteTransport | None = None  # while it is open

    async def open(self, urls: list[str], name: str, options: dict[str, Any]) -> None:
        """Connect to the first of these URLs that answers; `options` are those of `Servers`.

        Raises OSError, nats.errors.Error, TimeoutError, and ValueError for a server that will not
        do.
        """
        try:
            await self.connect(
                urls,
                name=name,
                dont_randomize=True,
                no_echo=True,
                error_cb=self._note,
                closed_cb=self._end,
                lame_duck_mode_cb=self._retire,
                **ONCE,
                **options,
            )
        except nats.errors.NoServersError:
            raise ConnectionError(self.trouble) from None
        except nkeys.NkeysError as error:
            raise ValueError(str(error)) from None
        if not self.is_connected:  # nats-py takes the end of a connection for an answer
            raise ConnectionError("the NATS server has closed the connection; see its log")
        if self.max_payload < MESSAGE:
            raise ValueError(
                f"max_payload of the NATS server is {self.max_payload}: set it to {MESSAGE} or more"
            )
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            self._wire = self._transport._io_writer.transport

    def post(self, subject: bytes, data: bytes, answer: bytes = b"") -> None:
        """Publish at once, or lose it where there is no connection.

        Before what others have published in this turn, which nats-py writes in the next.
        """
        wire = self._wire
        # Closed before nats-py hears of it: uvloop takes no words then.
        if wire is not None and not wire.is_closing():
            wire.write(b"PUB %b %b %d\r\n%b\r\n" % (subject, answer, len(data), data))

    async def listen(self, subject: str, take: Take) -> Subscription:
        """Subscribe; `take` gets what each message holds at once, must not raise."""
        subscription = await self.subscribe(subject)
        number = subscription._id
        self._takers[number] = take
        if isinstance(self._transport, TcpTransport):
            reader, writer = self._transport._io_reader, self._transport._io_writer
            if reader is not None and writer is not None:
                Arrivals(writer.transport, reader, self._ps, subject, number, take)
        return subscription

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        if (take := self._takers.get(sid)) is not None:
            take(data)
        else:
            await super()._process_msg(sid, subject, reply, data, headers)

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        self._unless_closed()
        return await super()._flush_pending(force_flush)

    async def _send_ping(self, future: asyncio.Future[bool] | None = None) -> None:
        self._unless_closed()
        await super()._send_ping(future)

    def _unless_closed(self) -> None:
        if self._wire is not None and self._wire.is_closing():
            raise Gone

    async def _note(self, error: Exception) -> None:
        self.trouble = str(error) or type(error).__name__
        if "permissions violation" in self.trouble:
            self._refused(self.trouble)

    async def _end(self) -> None:
        self.trouble = self.trouble or str(self.last_error)
        self.over.set()

    async def _retire(self) -> None:
        self.trouble = "the NATS server is about to stop"
        self.over.set()

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """At once. nats-py would wait until the server has read what is unsent, which one that
        hangs never does, and for ever after a handshake of TLS that failed.
        """
        self._wire = None
        transport, self._transport = self._transport, None
        if isinstance(transport, TcpTransport) and transport._io_writer is not None:
            transport._io_writer.transport.abort()
        if self._flush_queue is not None:  # otherwise it has not begun: a key was refused
            await super()._close(status, do_cbs)
