"""Sections 6 and 7 of proto/README.md."""

import asyncio
from typing import Any

from prack.v1 import worker_pb2 as pb
from tests.conformance.stream.carriers import Carrier
from tests.conformance.stream.ways.catalogue import breaks, exits, never
from tests.conformance.stream.worker import Exchange, Stream, Worker
from tests.conformance.ways import after, nothing, replace


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
