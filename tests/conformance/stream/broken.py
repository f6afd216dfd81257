"""What breaks the small worker, each way for one case and more.

python -m tests.conformance.stream.broken [tunnel.]WAY URL    runs a worker that is broken in this
    way, with WebSockets as tunnels or as events
"""

import asyncio
import os
import ssl
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from google.protobuf.unknown_fields import UnknownFieldSet
from websockets.server import ServerProtocol

from prack.v1 import worker_pb2 as pb
from prack_wire.websocket_events import BINARY, CLOSE, MAX_EVENT, TEXT, Decoder, Event, encode
from tests.conformance.stream import application
from tests.conformance.stream.carriers import Carrier, Connection
from tests.conformance.stream.worker import SLOTS, WINDOW, Exchange, Fields, Stream, Worker
from tests.conformance.ways import Ways, after, nothing, replace

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


# -------------------------------------------------------------------- section 1


@breaks("packs-heads")
def head_by_head() -> None:
    """Each head has a frame of its own."""

    async def write(self: Stream, carrier: Carrier) -> None:
        while True:
            await self.waiting.wait()
            frame, self.outbox = self.outbox, pb.WorkerFrame()
            self.waiting.clear()
            for head in frame.heads:
                await carrier.write(pb.WorkerFrame(heads=[head]).SerializeToString())
            del frame.heads[:]
            await carrier.write(frame.SerializeToString())

    replace(Stream, write=write)


@breaks(
    "stalled-response-holds-up-nobody",
    "unread-body-holds-up-nobody",
    "holds-as-many-as-its-slots",
)
def one_by_one() -> None:
    """An exchange begins when the one before has ended."""
    lock, run = asyncio.Lock(), Exchange.run

    async def waiting(self: Exchange) -> None:
        async with lock:
            await run(self)

    replace(Exchange, run=waiting)


@breaks("unknown-fields")
def knows_all() -> None:
    """A field that is not known ends the stream."""
    take = Stream.take

    def strict(self: Stream, frame: pb.GatewayFrame) -> None:
        if len(UnknownFieldSet(frame)):
            raise OSError
        take(self, frame)

    replace(Stream, take=strict)


@breaks("unknown-reason")
def knows_all_reasons() -> None:
    """A cancel with another reason is none."""
    cancelled = Stream.on_cancel

    def strict(self: Stream, cancel: pb.Cancel) -> None:
        if cancel.reason in pb.CancelReason.values():
            cancelled(self, cancel)

    replace(Stream, on_cancel=strict)


@breaks("merged-frames")
def one_request_a_frame() -> None:
    """Only the first request of a frame is seen."""
    take = Stream.take

    def short(self: Stream, frame: pb.GatewayFrame) -> None:
        del frame.requests[1:]
        take(self, frame)

    replace(Stream, take=short)


@breaks("merged-frames")
def empty_is_the_end() -> None:
    """An empty frame is taken for the end."""
    read = Connection.read

    async def short(self: Connection) -> bytes | None:
        return await read(self) or None

    replace(Connection, read=short)


@breaks("frames-in-pieces")
def frame_by_read() -> None:
    """What is read at a time is one frame."""

    async def read(self: Connection) -> bytes | None:
        return (await self.reader.read(1 << 20))[4:] or None

    replace(Connection, read=read)


@breaks("limits-of-one-frame")
def large_chunks() -> None:
    """Data of 64 KiB, whatever the gateway takes."""
    replace(Stream, chunk=property(lambda _: 64 * 1024, nothing))


# -------------------------------------------------------------------- section 2, 8, 11


@breaks("hello")
def two_words() -> None:
    """A worker_id with a space."""
    spoil_hello(worker_id="two words")


@breaks("hello")
def other_minor() -> None:
    """A minor that no gateway has."""
    spoil_hello(minor_min=7, minor_max=9)


@breaks("silent-before-the-welcome")
def impatient() -> None:
    """A heartbeat before the welcome."""
    frame = Stream.frame

    async def early(self: Stream, carrier: Carrier) -> pb.GatewayFrame:
        await carrier.write(pb.WorkerFrame(heartbeat=pb.Heartbeat()).SerializeToString())
        return await frame(self, carrier)

    replace(Stream, frame=early)


@breaks("instance")
def no_instance() -> None:
    """Without an instance."""
    spoil_hello(instance=b"")


@breaks("dials-again")
def another_instance() -> None:
    """Each stream has an instance of its own."""
    spoil_hello(instance=lambda: os.urandom(16))


@breaks("dials-again", "silent-gateway-is-left")
def dials_once() -> None:
    """A lost gateway is not dialled again."""
    replace(Worker, pause=lambda _: 3600.0)


@breaks("backs-off")
def hammers() -> None:
    """Dials without a delay to speak of."""
    replace(Worker, pause=lambda _: 0.02)


@breaks("refused-dials-are-repeated")
def offended() -> None:
    """A refusal is for good."""
    upgrade = Connection.upgrade

    async def once(self: Connection, request: str) -> None:
        try:
            await upgrade(self, request)
        except OSError:
            exits()

    replace(Connection, upgrade=once)


@breaks("token")
def no_token() -> None:
    """The token is not sent."""
    replace(Worker, token="")


@breaks("stream-error-to-retry")
def in_a_hurry() -> None:
    """`retry_in_ms` is nothing."""

    def on_error(self: Stream, error: pb.StreamError) -> None:
        self.retry = error.retry

    replace(Stream, on_error=on_error)


@breaks("stream-error-for-good")
def obstinate() -> None:
    """Dials again after any error."""
    replace(Stream, on_error=nothing)


@breaks("waits-for-the-upgrade")
def hello_in_advance() -> None:
    """A frame right behind the request for the upgrade."""
    upgrade = Connection.upgrade
    replace(Connection, upgrade=lambda self, request: upgrade(self, request + "\0\0\0\0"))


@breaks("waits-for-the-upgrade")
def other_upgrade() -> None:
    """An upgrade to something else."""
    request = Connection.request
    replace(
        Connection,
        request=staticmethod(lambda *args: request(*args).replace("prack.v1", "websocket")),
    )


@breaks("tls")
def own_trust() -> None:
    """Trusts others than it was told to."""
    replace(Connection, trust=staticmethod(ssl.create_default_context))


@breaks("tls-of-strangers")
def trusts_all() -> None:
    """Trusts everybody."""
    replace(Connection, trust=staticmethod(ssl._create_unverified_context))


# -------------------------------------------------------------------- section 3 and 4


@breaks("answers")
def all_is_well() -> None:
    """Each status is 200."""
    head = Exchange.head
    replace(Exchange, head=lambda self, _, *more, **named: head(self, 200, *more, **named))


@breaks("small-response-in-one-event")
def in_three_events() -> None:
    """Head, Data and Finish, however small."""

    def reply(self: Exchange, status: int, fields: Fields, body: bytes) -> None:
        self.head(status, fields)
        if body and self.method != "HEAD":
            self.stream.send(data=pb.Data(id=self.id, data=body))
        self.finish()

    replace(Exchange, reply=reply)


@breaks("body-in-the-request", "body-in-two-parts")
def no_first_part() -> None:
    """What came with the request is dropped."""
    after(Exchange, "__init__", lambda self, *_: self.pieces.clear())


@breaks("length-is-not-the-end")
def ends_by_length() -> None:
    """A body is complete with its last byte."""

    def count(self: Exchange, *_: Any) -> None:
        self.complete = self.complete or self.request.body_length == len(self.request.body)

    after(Exchange, "__init__", count)


@breaks("pieces-pass-at-once")
def whole_requests() -> None:
    """A body is read when it is complete."""
    read = Exchange.read

    async def patient(self: Exchange) -> bytes:
        await self.until(lambda: self.complete)
        return await read(self)

    replace(Exchange, read=patient)


@breaks("pieces-pass-at-once")
def whole_responses() -> None:
    """A body is sent when it is complete."""
    kept: dict[Exchange, bytes] = {}
    finish = Exchange.finish

    async def keep(self: Exchange, data: bytes) -> None:
        kept[self] = kept.get(self, b"") + data

    def send(self: Exchange, *more: Any) -> None:
        self.stream.send(data=pb.Data(id=self.id, data=kept.pop(self, b"")))
        finish(self, *more)

    replace(Exchange, write=keep, finish=send)


@breaks("request-reaches-the-application")
def decoded_targets() -> None:
    """The target is decoded."""
    start = Stream.start

    def decoded(self: Stream, request: pb.Request) -> None:
        request.target = unquote_to_bytes(request.target)
        start(self, request)

    replace(Stream, start=decoded)


@breaks("request-reaches-the-application")
def no_repeats() -> None:
    """Of fields with the same name the last one is kept."""
    start = Stream.start

    def last(self: Stream, request: pb.Request) -> None:
        known = dict(zip(request.headers[::2], request.headers[1::2], strict=True))
        request.headers[:] = [part for pair in known.items() for part in pair]
        start(self, request)

    replace(Stream, start=last)


@breaks("fields-of-the-response")
def names_as_they_are() -> None:
    """Names in upper case."""
    replace(Exchange, flat=lambda _, fields: [part for pair in fields for part in pair])


@breaks("fields-of-the-response")
def one_cookie() -> None:
    """Of fields with the same name the last one is sent."""
    flat = Exchange.flat
    replace(Exchange, flat=lambda self, fields: flat(self, list(dict(fields).items())))


@breaks("no-body-where-there-is-none")
def body_for_head() -> None:
    """A body for HEAD."""
    replace(
        Exchange, reply=lambda self, status, fields, body: self.head(status, fields, body, end=True)
    )


@breaks("failure-before-the-head")
def failure_is_success() -> None:
    """An empty response in place of an error."""
    replace(Exchange, give_up=lambda self: self.reply(200, [], b""))


@breaks("failure-after-the-head")
def failure_is_the_end() -> None:
    """A response that failed ends as others do."""
    replace(Exchange, give_up=lambda self: self.finish())


@breaks("late-events-are-ignored")
def ends_twice() -> None:
    """A cancel is answered, whatever it is for."""
    after(
        Stream,
        "on_cancel",
        lambda self, cancel: (
            cancel.id in self.exchanges
            or self.send(aborts=pb.Abort(id=cancel.id, code=pb.ABORT_CODE_CANCELLED))
        ),
    )


@breaks("answer-before-the-body", "stalled-upload-ends-in-time")
def body_first() -> None:
    """No answer before the body is complete."""
    run = Exchange.run

    async def patient(self: Exchange) -> None:
        await self.until(lambda: self.complete)
        await run(self)

    replace(Exchange, run=patient)


@breaks("early-hints")
def no_hints() -> None:
    """Early hints are dropped."""
    head = Exchange.head

    def final(self: Exchange, status: int, *more: Any, **named: Any) -> None:
        if status != 103:
            head(self, status, *more, **named)

    replace(Exchange, head=final)


@breaks("trailers")
def no_trailers() -> None:
    """Trailers are dropped."""
    finish = Exchange.finish
    replace(Exchange, finish=lambda self, *_: finish(self))


@breaks("continues")
def granted_already() -> None:
    """`expect_continue` is overlooked."""
    after(Exchange, "__init__", lambda self, *_: setattr(self, "granted", WINDOW))


@breaks("does-not-continue")
def grants_at_once() -> None:
    """A window for each body."""
    after(Stream, "start", lambda self, request: self.exchanges[request.id].grant())


@breaks(
    "cancel-of-a-request-in-progress",
    "cancel-of-a-stalled-response",
    "cancel-of-an-awaited-body",
    "websocket-lost-by-the-client",
)
def cancels_nothing() -> None:
    """A cancel is overlooked."""
    replace(Stream, on_cancel=nothing)


@breaks("cancel-of-a-request-in-progress")
def cancel_is_an_error() -> None:
    """A cancelled exchange ends as one that failed."""
    replace(Exchange, give_up=lambda self: self.abort(pb.ABORT_CODE_HANDLER_ERROR))


@breaks("slots-come-back")
def keeps_slots() -> None:
    """The place of a cancelled exchange stays taken."""
    places, run = asyncio.Semaphore(SLOTS), Exchange.run

    async def counted(self: Exchange) -> None:
        await places.acquire()
        await run(self)
        if not self.cancelled:
            places.release()

    replace(Exchange, run=counted)


# -------------------------------------------------------------------- section 5


@breaks("echo-through-windows", "sink-larger-than-its-window", "websocket-large-message")
def grants_nothing() -> None:
    """A window is never widened."""
    replace(Exchange, grant=nothing)


@breaks("response-within-its-window")
def no_limit() -> None:
    """The window is overlooked."""
    replace(Exchange, room=lambda _: 1 << 30)


@breaks("smaller-offset-is-ignored")
def takes_back() -> None:
    """The last offset counts, not the largest."""
    after(Exchange, "widen", lambda self, offset: setattr(self, "limit", offset))


@breaks("window-only-for-what-is-read")
def grants_on_arrival() -> None:
    """What has come counts as read."""

    def arrived(self: Exchange, data: bytes) -> None:
        self.consumed += len(data)
        self.grant()

    after(Exchange, "arrived", arrived)


# -------------------------------------------------------------------- section 6 and 7


@breaks("lost-stream-is-forgotten")
def answers_on_another() -> None:
    """What a lost stream is owed goes to the one after it."""
    send = Stream.send

    def newest(self: Stream, **events: Any) -> None:
        send(next(reversed(self.worker.streams), self), **events)

    replace(Stream, send=newest)
    replace(Exchange, cancel=nothing)


@breaks("heartbeats")
def no_heartbeats() -> None:
    """Nothing is sent if there is nothing to say."""
    replace(Stream, beat=never)


@breaks("nonce")
def no_echo() -> None:
    """A nonce is overlooked."""
    take = Stream.take

    def deaf(self: Stream, frame: pb.GatewayFrame) -> None:
        frame.heartbeat.nonce = 0
        take(self, frame)

    replace(Stream, take=deaf)


@breaks("silent-gateway-is-left")
def endless_patience() -> None:
    """A silent gateway is waited for."""
    replace(Stream, patience=lambda *_: 3600.0)


@breaks("living-gateway-is-kept")
def no_patience() -> None:
    """A gateway is left before its time."""
    replace(Stream, patience=lambda *_: 0.1)


@breaks("drain")
def drops_what_it_holds() -> None:
    """Half-closes when the drain is acknowledged, whatever is held."""

    async def see_off(self: Stream, carrier: Carrier) -> None:
        while not self.dismissed():
            self.changed.clear()
            await self.changed.wait()
        self.worker.stopping.set()
        exits()

    replace(Stream, see_off=see_off)


@breaks("drain")
def overlooks_the_late() -> None:
    """A request that comes after the Drain is dropped."""
    start = Stream.start

    def early(self: Stream, request: pb.Request) -> None:
        if not self.worker.stopping.is_set():
            start(self, request)

    replace(Stream, start=early)


@breaks("idle-drain")
def does_not_wait() -> None:
    """Half-closes without the acknowledgement."""
    replace(Stream, dismissed=lambda self: self.worker.stopping.is_set())
    after(Stream, "drain", lambda self: self.changed.set())


@breaks("idle-drain")
def ends_badly() -> None:
    """An exit status that is not 0."""

    async def stop(self: Worker) -> int:
        for stream in self.streams:
            stream.drain()
        await asyncio.gather(*self.streams.values())
        return 1

    replace(Worker, stop=stop)


@breaks("gateway-is-replaced")
def stays() -> None:
    """That the gateway stops is overlooked."""
    on_goaway = Stream.on_goaway
    replace(
        Stream, on_goaway=lambda self, goaway: on_goaway(self, goaway) if goaway.drain_ack else None
    )


@breaks("slots-of-two-streams")
def keeps_to_the_first_offer() -> None:
    """What becomes free on the old stream is not offered on the new one."""
    replace(Worker, share=nothing)


@breaks("replaced-stream")
def gives_up() -> None:
    """An error of the old stream ends all."""
    replace(Stream, on_error=exits)


@breaks("sent-away-unasked")
def leaves_for_good() -> None:
    """A gateway that has nothing more is not dialled again."""
    after(Stream, "on_goaway", lambda self, _: setattr(self, "delay", 3600))


# -------------------------------------------------------------------- section 10


@breaks("websocket-echo")
def all_binary() -> None:
    """Texts come back as binary messages."""
    replace(application, encode=lambda name, data: encode(BINARY if name == TEXT else name, data))


@breaks("websocket-subprotocol")
def no_subprotocol() -> None:
    """The subprotocol is dropped."""
    head = Exchange.head
    replace(
        Exchange,
        head=lambda self, status, fields, *more, **named: head(
            self, status, [] if status == 101 else fields, *more, **named
        ),
    )


class Forgetful(Decoder):
    """Each piece is a stream of its own."""

    def feed(self, data: bytes) -> list[Event]:
        """See Decoder."""
        return Decoder(MAX_EVENT).feed(data)


@breaks("websocket-events-in-pieces")
def events_by_piece() -> None:
    """An event has to be in one piece."""
    replace(application, Decoder=Forgetful)


class Strict(Decoder):
    """Knows all names."""

    def feed(self, data: bytes) -> list[Event]:
        """See Decoder."""
        events = super().feed(data)
        if any(event.name not in (TEXT, BINARY, CLOSE) for event in events):
            raise ValueError
        return events


@breaks("websocket-unknown-events")
def strict_events() -> None:
    """A name that is not known is an error."""
    replace(application, Decoder=Strict)


@breaks("websocket-closed-by-the-client")
def close_is_an_error() -> None:
    """A WebSocket that ends is aborted."""
    replace(Exchange, finish=lambda self, *_: self.abort(pb.ABORT_CODE_HANDLER_ERROR))


@breaks("websocket-closed-by-the-application")
def no_code() -> None:
    """The code and the reason of a close are dropped."""
    replace(application, close_data=lambda *_: b"")


@breaks("websocket-refused")
def accepts_all() -> None:
    """What the application refuses is accepted."""
    replace(Exchange, reply=lambda self, *_: self.head(101, []))


@breaks("tunnel.tunnel-echo")
def no_accept() -> None:
    """The handshake is not answered."""
    no_subprotocol()


@breaks("tunnel.tunnel-in-pieces")
def frames_by_piece() -> None:
    """What comes at a time is whole frames."""
    answer = application.answer

    def whole(server: ServerProtocol, piece: bytes) -> None:
        if len(piece) > 5:
            answer(server, piece)

    replace(application, answer=whole)


@breaks("tunnel.tunnel-of-a-large-message")
def grants_nothing_to_tunnels() -> None:
    """A window is never widened."""
    grants_nothing()


@breaks("tunnel.tunnel-closed-by-the-client", "tunnel.tunnel-closed-by-the-application")
def tunnels_break_off() -> None:
    """A tunnel that ends is aborted."""
    close_is_an_error()


@breaks("tunnel.tunnel-lost-by-the-client")
def tunnels_stay() -> None:
    """A cancel is overlooked."""
    cancels_nothing()


@breaks("tunnel.tunnel-refused")
def accepts_all_tunnels() -> None:
    """What the application refuses is accepted."""
    accepts_all()


if __name__ == "__main__":
    style, _, way = sys.argv[1].rpartition(".")
    if style == "tunnel":
        replace(Stream, features=("tunnel",))
    WAYS.known.get(way, nothing)()
    sys.exit(asyncio.run(Worker(sys.argv[2], application.serve).run()))
