"""Sections 2, 8 and 11 of proto/README.md."""

import os
import ssl

from prack.v1 import worker_pb2 as pb
from tests.conformance.stream.carriers import Carrier, Connection
from tests.conformance.stream.ways.catalogue import breaks, exits, spoil_hello
from tests.conformance.stream.worker import Stream, Worker
from tests.conformance.ways import blind, nothing, replace


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
    replace(Connection, trust=staticmethod(blind))
