"""How a connection ends, without a stream below it."""

import asyncio
import gc
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import TRUSTED, Profile
from prack_grpc.private.certificate import Certificate
from prack_grpc.stream.carrier import Take
from prack_grpc.stream.outbox import Outbox
from prack_grpc.stream.stream import Stream


class Dead:
    """A carrier whose worker is gone: a write fails once it is cancelled, or the call is `over`."""

    principal = TRUSTED
    peer = "nobody"
    certificate: Certificate | None = None
    transport = "prack"

    def __init__(self) -> None:
        self.writing = asyncio.Event()
        self.over = asyncio.Event()

    async def receive(self) -> bytes | None:
        """See Carrier."""
        return None

    async def each(self, take: Take) -> None:
        """See Carrier."""
        await asyncio.Event().wait()

    async def write(self, *frames: bytes) -> bool:
        """See Carrier."""
        self.writing.set()
        try:
            await self.over.wait()
        finally:
            raise ConnectionError("the call is over")

    def greeted(self) -> None:
        """See Carrier."""

    def write_now(self, next_frame: Callable[[], pb.GatewayFrame | None]) -> None:
        """See Carrier."""


async def test_a_call_that_is_cancelled_twice_leaves_no_error_behind() -> None:
    loop, troubles = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: troubles.append(context))
    limits, carrier = Limits(), Dead()
    broker = MemoryBroker(limits)
    outbox = Outbox(broker, limits, limits.window)
    member = broker.join(Profile("w", 1, True), TRUSTED, outbox)
    stream = Stream(broker, limits, member, outbox, carrier, loop.time, (1, 0))
    stream.heartbeat()
    running = asyncio.create_task(stream.run())
    await carrier.writing.wait()
    for _ in range(2):
        running.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.gather(running, return_exceptions=True)
    carrier.over.set()
    for _ in range(3):
        await asyncio.sleep(0)
    del running, stream
    gc.collect()
    assert troubles == []
