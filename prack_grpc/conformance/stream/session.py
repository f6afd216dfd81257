"""One stream as the gateway sees it, with the rules that hold for every frame."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Protocol

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.stream.exchange import Exchange
from prack_grpc.conformance.witness import Witness

# Smaller than a real gateway's: what depends on them is seen sooner.
WINDOW, CHUNK = 50_000, 8192
THEIR_WINDOW, THEIR_CHUNK = 256 * 1024, 64 * 1024  # of a hello that says nothing (5.1, 5.3)
MAX_FRAME = 4 * 1024 * 1024
MAX_EVENTS, MAX_HEADS = 256, 1024 * 1024
HOST = b"kit.example.com"
FEATURES = ("websocket", "tunnel")


class Link(Protocol):
    """What carries the frames of one session."""

    authorization: str

    def write(self, frame: bytes) -> None:
        """Send one frame."""

    def end(self) -> None:
        """End our direction."""

    def reset(self) -> None:
        """Break the stream off, as a gateway that dies does."""


class Session(Witness):
    """One stream.

    Attributes:
        frames: those that came, each with its time in seconds.
        over: the worker has ended its direction; `clean`: it did so between two frames.
    """

    def __init__(self, link: Link, terms: Terms, patience: float) -> None:
        super().__init__(patience)
        self.link = link
        self.hello = pb.Hello()
        self.frames: list[tuple[float, pb.WorkerFrame]] = []
        self.exchanges: dict[int, Exchange] = {}
        self.over = self.clean = False
        self._terms = terms
        self._welcomed = False
        self._beating: asyncio.Task[None] | None = None
        self.last_id = 0

    # ---------------------------------------------------------------- what comes

    def take(self, raw: bytes) -> None:
        """One frame of the worker."""
        try:
            frame = pb.WorkerFrame.FromString(raw)
            self._take(frame, len(raw))
        except DecodeError:
            self.fail(Broken("11.3", "a frame that is no WorkerFrame (bad_frame)"))
        except Broken as broken:
            self.fail(broken)
        self.notice()

    def close(self, clean: bool) -> None:
        """The worker's direction has ended; the first call counts."""
        if not self.over:
            self.over, self.clean = True, clean
        if self._beating is not None:
            self._beating.cancel()
        self.notice()

    def _take(self, frame: pb.WorkerFrame, size: int) -> None:
        self.frames.append((time.monotonic(), frame))
        if size > MAX_FRAME:
            raise Broken("1.5", f"a frame of {size} bytes")
        if frame.HasField("hello") is not (len(self.frames) == 1):
            first = len(self.frames) == 1
            raise Broken("2.1", "a first frame without hello" if first else "a second hello")
        if frame.HasField("hello"):
            self.hello = frame.hello
        elif not self._welcomed:
            raise Broken("2.2", "a frame before the welcome")
        self._check_amount(frame)
        for head in frame.heads:
            self._of(head.id).on_head(head)
        for data in frame.data:
            self._of(data.id).on_data(data.data, CHUNK)
        for finish in frame.finishes:
            self._of(finish.id).on_finish(finish)
        for abort in frame.aborts:
            self._of(abort.id).on_abort(abort)
        for window in frame.windows:
            self._of(window.id).on_window(window.max_offset)
        self._widen()

    def _check_amount(self, frame: pb.WorkerFrame) -> None:
        kinds = (frame.heads, frame.data, frame.finishes, frame.aborts, frame.windows)
        events, held = (
            sum(len(kind) for kind in kinds),
            sum(not x.done for x in self.exchanges.values()),
        )
        if events > MAX_EVENTS + 2 * held:
            raise Broken("1.7", f"{events} events in one frame")
        if sum(one.ByteSize() for one in (*frame.heads, *frame.finishes)) > MAX_HEADS:
            raise Broken("1.7", "more than 1 MiB of heads and finishes in one frame")

    def _of(self, identifier: int) -> Exchange:
        if identifier not in self.exchanges:
            raise Broken("4.8", f"an event for the id {identifier}, which was never sent here")
        return self.exchanges[identifier]

    def _widen(self) -> None:
        """Grant more when half of a window was taken (5.2)."""
        for one in self.exchanges.values():
            if one.reads and not one.done and one.limit - len(one.body) <= WINDOW // 2:
                self.grant(one, len(one.body) + WINDOW)

    # ---------------------------------------------------------------- what goes

    def send(self, **events: Any) -> None:
        """Send a frame of these fields."""
        self.link.write(pb.GatewayFrame(**events).SerializeToString())

    def welcome(self) -> None:
        """Answer the hello, and send heartbeats from now on."""
        self._welcomed = True
        features = [name for name in self.hello.features if name in FEATURES]
        limits = pb.Limits(max_chunk_bytes=CHUNK, initial_window=WINDOW)
        heartbeat, dead = self._terms.heartbeat_ms, self._terms.dead_after_ms
        self.send(
            welcome=pb.Welcome(
                session_id="s1",
                gateway_id="kit",
                minor=1,
                features=features,
                limits=limits,
                heartbeat_ms=heartbeat,
                dead_after_ms=dead,
            )
        )
        if self._terms.beats:
            self._beating = asyncio.create_task(self._beat(heartbeat / 2000))

    async def _beat(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            self.send(heartbeat=pb.Heartbeat())

    def make(
        self,
        target: str = "/hello",
        method: str = "GET",
        body: bytes = b"",
        *,
        end: bool = True,
        headers: Sequence[bytes] = (),
        reads: bool = True,
        **more: Any,
    ) -> Exchange:
        """A request that is not sent yet; `headers` is flat."""
        self.last_id += 1
        values = {"body_length": len(body) if end else -1} | more
        message = pb.Request(
            id=self.last_id,
            request_id=f"{self.last_id:032x}",
            attempt=1,
            deadline_ms=60_000,
            method=method.encode(),
            scheme=b"http",
            authority=HOST,
            target=target.encode("latin-1"),
            http_version=b"1.1",
            headers=[b"host", HOST, *headers],
            body=body,
            end=end,
            client=pb.Client(ip="192.0.2.7", port=50123),
            **values,
        )
        theirs = self.hello.limits.initial_window or THEIR_WINDOW
        made = Exchange(message, WINDOW, theirs, reads)
        self.exchanges[made.id] = made
        return made

    def request(self, target: str = "/hello", method: str = "GET", **more: Any) -> Exchange:
        """Send a request; see `make`."""
        made = self.make(target, method, **more)
        self.send(requests=[made.request])
        return made

    def grant(self, exchange: Exchange, offset: int) -> None:
        """Let the worker send up to this offset."""
        exchange.limit = offset
        self.send(windows=[pb.Window(id=exchange.id, max_offset=offset)])

    def cancel(self, exchange: Exchange, reason: Any = pb.CANCEL_REASON_CLIENT_GONE) -> None:
        """No one waits any more. The reason may be one that nobody knows."""
        exchange.cancelled = True
        self.send(cancels=[pb.Cancel(id=exchange.id, reason=reason)])

    async def upload(self, exchange: Exchange, body: bytes, *, finish: bool = True) -> None:
        """Send more of a request's body as far as the windows go, then its end. Raises Broken."""
        chunk = self.hello.limits.max_chunk_bytes or THEIR_CHUNK
        at = 0
        while at < len(body) and not exchange.done:
            room = exchange.granted - exchange.sent
            if room <= 0:
                await self._room(exchange)
                continue
            data = body[at : at + min(chunk, room)]
            self.send(data=[pb.Data(id=exchange.id, data=data)])
            at += len(data)
            exchange.sent += len(data)
        if finish:
            self.send(finishes=[pb.Finish(id=exchange.id)])

    async def _room(self, exchange: Exchange) -> None:
        full = exchange.sent
        await self.until(
            lambda: exchange.granted > full or exchange.done,
            "5.2",
            f"a Window past {full} while the application reads",
        )

    # ---------------------------------------------------------------- waiting

    def end(self) -> str:
        """See Witness."""
        return "the stream ended" if self.over else ""

    def state(self) -> str:
        """See Witness."""
        held = [str(one) for one in self.exchanges.values() if not one.done]
        return f"open: {'; '.join(held[:4])}" if held else ""

    async def done(self, *exchanges: Exchange, rule: str = "4.3") -> None:
        """Wait until the worker has ended these. Raises Broken."""
        names = ", ".join(str(one.request.target, "latin-1") for one in exchanges)
        await self.until(lambda: all(x.done for x in exchanges), rule, f"the end of {names}")

    async def received(self, exchange: Exchange, size: int, rule: str) -> None:
        """Wait for so many body bytes, and no more. Raises Broken."""
        target = exchange.request.target.decode("latin-1")
        await self.until(
            lambda: len(exchange.body) >= size or exchange.done, rule, f"{size} bytes of {target}"
        )
        if len(exchange.body) != size:
            raise Broken(rule, f"{exchange}; expected {size} body bytes")

    async def answer(self, target: str = "/hello", method: str = "GET", **more: Any) -> Exchange:
        """Send a request, and wait for its end. Raises Broken."""
        exchange = self.request(target, method, **more)
        await self.done(exchange)
        return exchange

    async def settle(self) -> None:
        """Cancel what is left. Raises Broken if the worker does not end that."""
        left = [one for one in self.exchanges.values() if not one.done]
        for one in left:
            self.cancel(one)
        await self.done(*left, rule="4.6")
