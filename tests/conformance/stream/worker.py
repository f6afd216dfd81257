"""A small worker that keeps every rule of proto/README.md. It shares no line with the real ones."""

import asyncio
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.app import Fields
from tests.conformance.stream.carriers import Carrier, dial

SLOTS = 32
WINDOW = 128 * 1024
Serve = Callable[["Exchange"], Awaitable[None]]


class Over(Exception):
    """No one waits for this exchange any more."""


class Exchange:
    """One request, and the response to it."""

    def __init__(self, stream: "Stream", request: pb.Request) -> None:
        self.stream = stream
        self.request = request
        self.id = request.id
        self.method = request.method.decode()
        self.pieces = deque([request.body] if request.body else [])
        self.complete = request.end
        self.consumed = self.sent = 0
        self.granted = 0 if request.expect_continue else WINDOW
        self.limit = stream.window
        self.cancelled = False
        self.started = self.ended = False
        self.changed = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def until(self, ready: Any) -> None:
        """Wait for a condition. Raises Over."""
        while not ready():
            if self.cancelled:
                raise Over
            self.changed.clear()
            await self.changed.wait()
        if self.cancelled:
            raise Over

    # ---------------------------------------------------------------- the request's body

    async def read(self) -> bytes:
        """The next piece, b"" at the end. Raises Over."""
        if not self.granted:
            self.grant()
        await self.until(lambda: self.pieces or self.complete)
        if not self.pieces:
            return b""
        piece = self.pieces.popleft()
        self.consumed += len(piece)
        if self.granted - self.consumed <= WINDOW // 2:
            self.grant()
        return piece

    def grant(self) -> None:
        """Let the gateway send more."""
        self.granted = self.consumed + WINDOW
        self.stream.send(windows=pb.Window(id=self.id, max_offset=self.granted))

    def arrived(self, data: bytes) -> None:
        """A piece of the body has come."""
        self.pieces.append(data)
        self.changed.set()

    # ---------------------------------------------------------------- the response

    def head(self, status: int, fields: Fields, body: bytes = b"", end: bool = False) -> None:
        """Begin the response."""
        flat = self.flat(fields)
        self.sent += len(body)
        self.stream.send(
            heads=pb.ResponseHead(id=self.id, status=status, headers=flat, body=body, end=end)
        )
        if end:
            self.end()

    def flat(self, fields: Fields) -> list[bytes]:
        """Fields as the wire has them."""
        return [part for name, value in fields for part in (name.lower(), value)]

    def reply(self, status: int, fields: Fields, body: bytes) -> None:
        """A small response."""
        bodiless = self.method == "HEAD" or status in (204, 205, 304)
        self.head(status, fields, b"" if bodiless else body, end=True)

    async def write(self, data: bytes) -> None:
        """A piece of the body, as far as the window goes. Raises Over."""
        while data:
            await self.until(lambda: self.room() > 0)
            size = min(len(data), self.stream.chunk, self.room())
            self.stream.send(data=pb.Data(id=self.id, data=data[:size]))
            self.sent += size
            data = data[size:]

    def room(self) -> int:
        """How many bytes may be sent."""
        return self.limit - self.sent

    def widen(self, offset: int) -> None:
        """The gateway takes more."""
        self.limit = max(self.limit, offset)
        self.changed.set()

    def finish(self, trailers: Fields | None = None) -> None:
        """End the response."""
        self.stream.send(finishes=pb.Finish(id=self.id, trailers=self.flat(trailers or [])))
        self.end()

    def cancel(self) -> None:
        """No one waits any more."""
        self.cancelled = True
        if self.task is not None:
            self.task.cancel()

    def give_up(self) -> None:
        """End without a response."""
        self.abort(pb.ABORT_CODE_CANCELLED if self.cancelled else pb.ABORT_CODE_HANDLER_ERROR)

    def abort(self, code: pb.AbortCode.ValueType) -> None:
        """End so."""
        self.stream.send(aborts=pb.Abort(id=self.id, code=code))
        self.end()

    def end(self) -> None:
        """The slot is free."""
        self.ended = True
        self.stream.exchanges.pop(self.id, None)
        self.stream.worker.share(self.stream)
        self.stream.changed.set()

    async def run(self) -> None:
        """Have the application answer."""
        self.started = True
        try:
            await self.stream.worker.serve(self)
        except asyncio.CancelledError:
            pass
        except Exception:
            if not self.cancelled:
                print("the application failed")  # noqa: T201 - what it says is kept
        if not self.ended:
            self.give_up()


class Stream:
    """One session with a gateway."""

    features = ("websocket",)
    minor_min = minor_max = 1

    def __init__(self, worker: "Worker") -> None:
        self.worker = worker
        self.exchanges: dict[int, Exchange] = {}
        self.outbox = pb.WorkerFrame()
        self.waiting = asyncio.Event()
        self.changed = asyncio.Event()
        self.leaving = asyncio.Event()  # nothing new is expected here
        self.retry = True
        self.delay: float | None = None
        self.last_id: int | None = None  # of a goaway
        self.window, self.chunk = 256 * 1024, 64 * 1024

    def hello(self) -> pb.Hello:
        """Who we are."""
        return pb.Hello(
            worker_id=self.worker.id,
            instance=self.worker.instance,
            minor_min=self.minor_min,
            minor_max=self.minor_max,
            features=self.features,
            capacity=pb.Capacity(max_in_flight=self.worker.free(self), max_websockets=8),
            limits=pb.Limits(initial_window=WINDOW),
        )

    def send(self, **events: Any) -> None:
        """Add events to the next frame, which takes all that waits."""
        for name, event in events.items():
            field = getattr(self.outbox, name)
            if hasattr(field, "append"):
                field.append(event)
            else:
                field.MergeFrom(event)
        self.waiting.set()

    async def live(self) -> None:
        """From the dial to the end."""
        try:
            async with asyncio.timeout(10):
                carrier = await dial(self.worker.gateway, self.worker.token)
                await carrier.write(pb.WorkerFrame(hello=self.hello()).SerializeToString())
                welcome = await self.frame(carrier)
        except (OSError, TimeoutError):
            self.leaving.set()
            return
        await self.welcomed(carrier, welcome.welcome)

    async def frame(self, carrier: Carrier) -> pb.GatewayFrame:
        """The next frame. Raises OSError at the end."""
        if (raw := await carrier.read()) is None:
            raise OSError("the stream has ended")
        return pb.GatewayFrame.FromString(raw)

    async def welcomed(self, carrier: Carrier, welcome: pb.Welcome) -> None:
        """A session, until it ends."""
        self.window = welcome.limits.initial_window or self.window
        self.chunk = welcome.limits.max_chunk_bytes or self.chunk
        tasks = [
            asyncio.create_task(self.write(carrier)),
            asyncio.create_task(self.beat(welcome.heartbeat_ms / 2000)),
            asyncio.create_task(self.see_off(carrier)),
        ]
        try:
            while True:
                async with asyncio.timeout(self.patience(welcome)):
                    frame = await self.frame(carrier)
                self.take(frame)
        except (OSError, TimeoutError):
            pass
        finally:
            for task in tasks:
                task.cancel()
            for exchange in list(self.exchanges.values()):
                exchange.cancel()
            self.exchanges.clear()
            self.leaving.set()
            self.changed.set()
            self.worker.share(self)
            await carrier.close()

    def patience(self, welcome: pb.Welcome) -> float:
        """After so many seconds of silence the gateway is dead."""
        return welcome.dead_after_ms / 1000

    async def write(self, carrier: Carrier) -> None:
        """Write what waits, a frame at a time."""
        while True:
            await self.waiting.wait()
            frame, self.outbox = self.outbox, pb.WorkerFrame()
            self.waiting.clear()
            await carrier.write(frame.SerializeToString())

    async def beat(self, seconds: float) -> None:
        """Send heartbeats."""
        while True:
            await asyncio.sleep(seconds)
            self.send(heartbeat=pb.Heartbeat())

    async def see_off(self, carrier: Carrier) -> None:
        """Half-close when there is nothing left to do."""
        while not self.dismissed() or self.exchanges:
            self.changed.clear()
            await self.changed.wait()
        await asyncio.sleep(0.01)  # for the writer
        await carrier.half_close()

    def dismissed(self) -> bool:
        """The gateway sends nothing more."""
        return self.last_id is not None

    # ---------------------------------------------------------------- what comes

    def take(self, frame: pb.GatewayFrame) -> None:
        """One frame."""
        for request in frame.requests:
            self.start(request)
        for data in frame.data:
            if data.id in self.exchanges:
                self.exchanges[data.id].arrived(data.data)
        for finish in frame.finishes:
            if finish.id in self.exchanges:
                self.exchanges[finish.id].complete = True
                self.exchanges[finish.id].changed.set()
        for cancel in frame.cancels:
            self.on_cancel(cancel)
        for window in frame.windows:
            if window.id in self.exchanges:
                self.exchanges[window.id].widen(window.max_offset)
        if frame.HasField("goaway"):
            self.on_goaway(frame.goaway)
        if frame.heartbeat.nonce:
            self.send(heartbeat=pb.Heartbeat(echo=frame.heartbeat.nonce))
        if frame.HasField("error"):
            self.on_error(frame.error)

    def start(self, request: pb.Request) -> None:
        """A request begins."""
        exchange = Exchange(self, request)
        self.exchanges[request.id] = exchange
        exchange.task = asyncio.create_task(exchange.run())

    def on_cancel(self, cancel: pb.Cancel) -> None:
        """No one waits for an exchange."""
        if (exchange := self.exchanges.get(cancel.id)) is not None:
            exchange.cancel()
            if not exchange.started:
                exchange.give_up()

    def on_goaway(self, goaway: pb.Goaway) -> None:
        """The gateway stops, or has nothing more for us."""
        if goaway.drain_ack:
            self.last_id = goaway.last_id
        else:
            self.delay = goaway.reconnect_in_ms / 1000
        self.changed.set()
        self.leaving.set()

    def on_error(self, error: pb.StreamError) -> None:
        """The gateway ends this stream."""
        self.retry = error.retry
        self.delay = error.retry_in_ms / 1000 or None

    def drain(self) -> None:
        """Ask for nothing more."""
        self.send(drain=pb.Drain())


class Worker:
    """The process: dials, and dials again."""

    token = os.environ.get("PRACK_TOKEN", "")

    def __init__(self, gateway: str, serve: Serve) -> None:
        self.gateway = gateway
        self.serve = serve
        self.id = f"small-{os.getpid()}"
        self.instance = os.urandom(16)
        self.streams: dict[Stream, asyncio.Task[None]] = {}
        self.stopping = asyncio.Event()
        self.bound = 0.1

    async def run(self) -> int:
        """Serve until SIGTERM; returns the exit status."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stopping.set)
        while not self.stopping.is_set():
            stream = Stream(self)
            self.streams[stream] = task = asyncio.create_task(stream.live())
            task.add_done_callback(partial(self.forget, stream))
            await self.first(stream.leaving.wait())
            if not stream.retry:
                return 1
            await self.first(asyncio.sleep(self.pause() if stream.delay is None else stream.delay))
        return await self.stop()

    def forget(self, stream: Stream, _: asyncio.Task[None]) -> None:
        """A stream is over."""
        del self.streams[stream]

    async def first(self, wait: Any) -> None:
        """Wait for this, or for SIGTERM."""
        waits = [asyncio.ensure_future(wait), asyncio.ensure_future(self.stopping.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    def pause(self) -> float:
        """Seconds until the next dial; without chance, so that tests have none."""
        self.bound = min(10, 2 * self.bound)
        return self.bound / 2

    async def stop(self) -> int:
        """Finish what is held."""
        for stream in self.streams:
            stream.drain()
        await asyncio.gather(*self.streams.values())
        return 0

    def free(self, stream: Stream) -> int:
        """The slots that other streams do not use."""
        return SLOTS - sum(len(one.exchanges) for one in self.streams if one is not stream)

    def share(self, changed: Stream) -> None:
        """An older stream has ended an exchange: the newest gets the slot."""
        newest = next(reversed(self.streams), changed)
        if newest is not changed:
            newest.send(capacity=pb.Capacity(max_in_flight=self.free(newest), max_websockets=8))
