"""One stream in use: a reader and a writer (proto/README.md, sections 1 to 8)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.exchange import CancelReason
from prack_worker.stream.exchange import StreamExchange
from prack_worker.stream.outbox import Outbox
from prack_worker.stream.relay import Relay
from prack_worker.stream.windows import Limits
from prack_worker.transport import Accept, Ending

log = logging.getLogger("prack_worker")
CLOSE_SECONDS = 5.0
PAUSE = "pause"  # the feature, section 3.5


class StreamSession:
    """A stream after its welcome. The reader awaits nothing but the next frame.

    `ended` and `lost` are those of `transport.Session`.
    """

    def __init__(self, carrier: Relay, first: pb.GatewayFrame, accept: Accept) -> None:
        self._loop = asyncio.get_running_loop()
        self._carrier = carrier
        self._accept = accept
        self._limits = Limits.of(first.welcome.limits)
        self._features = frozenset(first.welcome.features)
        self._outbox = Outbox()
        self._exchanges: dict[int, StreamExchange] = {}
        self._drained = asyncio.Event()
        self.lost = asyncio.Event()
        self.ended: asyncio.Future[Ending] = self._loop.create_future()
        self._take(first)
        self._reader = self._start(self._read(), "reader")
        self._writer = self._start(self._write(), "writer")

    def resize(self, slots: int, websocket_slots: int) -> None:
        capacity = pb.Capacity(max_in_flight=slots, max_websockets=websocket_slots)
        self._carrier.capacity = capacity
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
            if not self.lost.is_set():
                await asyncio.wait([self._writer, self._reader], timeout=CLOSE_SECONDS)
        finally:
            self._writer.cancel()
            self._reader.cancel()
            await self._carrier.close()
            await asyncio.gather(self._writer, self._reader, return_exceptions=True)
            self._lose(Ending("closed"))

    def _start(self, work: Coroutine[object, object, None], name: str) -> asyncio.Task[None]:
        return self._loop.create_task(self._guard(work), name=f"prack {name}")

    async def _guard(self, work: Coroutine[object, object, None]) -> None:
        """A session is lost when its reader or its writer fails."""
        try:
            await work
        except ConnectFailed as error:
            self._lose(Ending(str(error)))
        except Exception as error:
            log.exception("The session with the gateway failed; please report this bug")
            self._lose(Ending(repr(error)))

    async def _read(self) -> None:
        while (frame := await self._carrier.read()) is not None:
            self._take(frame)
        self._lose(Ending("the gateway ended the stream"))

    async def _write(self) -> None:
        while (frame := await self._outbox.next_frame()) is not None:
            await self._carrier.write(frame.SerializeToString(), *self._outbox.bodies())
        await self._carrier.done_writing()

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
        if self._outbox.enough() and (write_now := self._carrier.write_now):
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
