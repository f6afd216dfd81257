"""A gateway that sends back whatever it is sent: python -m tests.bus.nats.echo ID URL."""

import asyncio
import sys

from prack_grpc.bus.link import Link
from prack_grpc.bus.nats.bus import Bus
from prack_grpc.bus.nats.meeting import NatsMeeting
from prack_grpc.bus.nats.servers import Servers


class Echo:
    """One link's receiver."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def received(self, message: bytes) -> None:
        """See LinkReceiver."""
        self._link.send(message)

    def ended(self, reason: str) -> None:
        """See LinkReceiver."""


async def main(me: str, *urls: str) -> None:
    """Until it is killed."""
    bus = Bus(Servers(urls), me)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(bus.run())
        tasks.create_task(NatsMeeting(bus, me, "tests").run(Echo, bool))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
