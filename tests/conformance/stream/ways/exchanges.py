"""Sections 3 and 4 of proto/README.md."""

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.app import Fields
from tests.conformance.stream.ways.catalogue import breaks
from tests.conformance.stream.worker import SLOTS, WINDOW, Exchange, Stream
from tests.conformance.ways import after, nothing, replace


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
