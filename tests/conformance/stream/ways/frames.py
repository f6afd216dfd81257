"""Section 1 of proto/README.md."""

import asyncio

from google.protobuf.unknown_fields import UnknownFieldSet

from prack.v1 import worker_pb2 as pb
from tests.conformance.stream.carriers import Carrier, Connection
from tests.conformance.stream.ways.catalogue import breaks
from tests.conformance.stream.worker import Exchange, Stream
from tests.conformance.ways import nothing, replace


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
