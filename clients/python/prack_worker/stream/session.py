"""One stream in use: a reader and a writer (proto/README.md, sections 1 to 8)."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.exchange import CancelReason
from prack_worker.stream.carrier import Line
from prack_worker.stream.exchange import StreamExchange
from prack_worker.stream.outbox import Outbox
from prack_worker.stream.windows import Limits
from prack_worker.transport import Accept, Ending

log = logging.getLogger("prack_worker")
CLOSE_SECONDS = 5.0
PAUSE = "pause"  # the feature, section 3.5


class StreamSession:
    """A stream after its welcome. Implements `carrier.Receiver`, and takes frames as they come.

    `ended` and `lost` are those of `transport.Session`.
    """

    def __init__(self, line: Line, first: pb.GatewayFrame, accept: Accept) -> None:
        self._loop = asyncio.get_running_loop()
        self._line = line
        self._accept = accept
        self._limits = Limits.of(first.welcome.limits)
        self._features = frozenset(first.welcome.features)
        self._outbox = Outbox()
        self._exchanges: dict[int, StreamExchange] = {}
        self._drained = asyncio.Event()
        self.lost = asyncio.Event()
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        self._take(first)
        self._outbox.open(self._write_now)
        self._writer = self._loop.create_task(self._write(), name="prack writer")
        line.open(self)

    def resize(self, slots: int, websocket_slots: int) -> None:
        capacity = pb.Capacity(max_in_flight=slots, max_websockets=websocket_slots)
        self._line.pulse.capacity = capacity
        self._outbox.steer().capacity.CopyFrom(capacity)

    def pause(self, paused: bool) -> None:
        if PAUSE in self._features:
            self._outbox.steer().pause.CopyFrom(pb.Pause(paused=paused))

    async def dismissed(self) -> None:
        await self._drained.wait()

    async def drain(self) -> None:
        self._outbox.steer().drain.reason = "the worker is stopping"
        await self._drained.wait()

    async def close(self) -> None:
        self._outbox.close()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self.lost.wait()
        finally:
            self._writer.cancel()
            await self._line.close()
            await asyncio.gather(self._writer, return_exceptions=True)
            self._lose(Ending("closed"))

    def arrived(self, frame: pb.GatewayFrame) -> None:
        """See Receiver."""
        try:
            self._take(frame)
        except Exception as error:
            self.broken(error)

    def broken(self, error: Exception | None) -> None:
        """See Receiver. A session is lost as well when it fails itself."""
        if error is None:
            self._lose(Ending("the gateway ended the stream"))
        elif isinstance(error, ConnectFailed):
            self._lose(Ending(str(error)))
        else:
            about = "The session with the gateway failed; please report this bug"
            log.error(about, exc_info=error)
            self._lose(Ending(repr(error)))

    async def _write(self) -> None:
        try:
            while (frame := await self._outbox.next_frame()) is not None:
                await self._line.write(frame.SerializeToString(), *self._outbox.bodies())
            await self._line.done_writing()
        except Exception as error:
            self.broken(error)

    def _lose(self, ending: Ending) -> None:
        """The stream is lost: cancel every exchange on it."""
        self._end(ending)
        self._drained.set()
        self.lost.set()
        for exchange in list(self._exchanges.values()):
            exchange.cancel(CancelReason.GATEWAY_LOST)

    def _end(self, ending: Ending) -> None:
        if not self.ended.done():
            self.ended.set_result(ending)

    def _take(self, frame: pb.GatewayFrame) -> None:
        """Handle one frame, its fields in number order."""
        now = self._loop.time()
        for message in frame.requests:
            self._begin(message, now)
        for data in frame.data:
            if exchange := self._exchanges.get(data.id):
                exchange.body.feed(data.data)
        for finish in frame.finishes:
            if exchange := self._exchanges.get(finish.id):
                exchange.finish_body()
        self._steer(frame)

    def _begin(self, message: pb.Request, now: float) -> None:
        exchange = StreamExchange(message, now, self._outbox, self._limits, self._ended)
        self._exchanges[message.id] = exchange
        self._accept(exchange)

    def _ended(self, number: int) -> None:
        """The last event of an exchange is in the outbox."""
        self._exchanges.pop(number, None)
        if self._outbox.enough(not self._exchanges):  # or nobody is left who could join it
            self._write_now()

    def _write_now(self) -> None:
        if write_now := self._line.write_now:
            write_now(self._outbox.take())

    def _steer(self, frame: pb.GatewayFrame) -> None:
        for cancel in frame.cancels:
            if exchange := self._exchanges.get(cancel.id):
                exchange.cancel(CancelReason.of(cancel.reason))
        for window in frame.windows:
            if exchange := self._exchanges.get(window.id):
                exchange.widen(window.max_offset)
        if frame.HasField("goaway"):
            self._go_away(frame.goaway)
        if frame.heartbeat.nonce:
            self._outbox.steer().heartbeat.echo = frame.heartbeat.nonce
        if frame.HasField("error"):
            self._end(ending_of(frame.error))
        for refusal in frame.refusals:
            self._refused(refusal)

    def _go_away(self, goaway: pb.Goaway) -> None:
        reason = goaway.reason or "the gateway is stopping"
        self._end(Ending(reason, lost=False, retry_after=goaway.reconnect_in_ms / 1000))
        if goaway.drain_ack:
            self._drained.set()

    def _refused(self, refusal: pb.Refusal) -> None:
        """The slot stays taken until this exchange is ended, as after a cancel (section 4.5)."""
        log.warning("The gateway rejected an answer (id %d): %s", refusal.id, refusal.message)
        if exchange := self._exchanges.get(refusal.id):
            exchange.cancel(CancelReason.BAD_RESPONSE)


def ending_of(error: pb.StreamError) -> Ending:
    """The end that a gateway announced (section 8)."""
    message = f"{error.code}: {error.message}"
    return Ending(message, retry=error.retry, retry_after=error.retry_in_ms / 1000)
