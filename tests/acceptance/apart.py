"""`prack` with two processes, where clients come to the second one only and workers to the first.

So all that is asked goes from one process to the other: python -m tests.acceptance.apart serve ...
"""

import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from prack_grpc import process
from prack_grpc.cli.main import main
from prack_grpc.handover.sockets import Sockets
from prack_grpc.processes.parent import Parent, Upgrade
from prack_grpc.settings.settings import Settings

RUN = process.run
MANY = 1_000_000


class Crowded(Parent):
    """Has so many workers that it is dealt none."""

    @asynccontextmanager
    async def heard(
        self, upgrade: Upgrade, stop: Callable[[str], None], connected: Callable[[], int]
    ) -> AsyncIterator[None]:
        """See Parent."""
        async with super().heard(upgrade, stop, lambda: MANY):
            yield

    def ready(self) -> None:
        """See Parent."""
        self.say(held=MANY)
        super().ready()


def run(settings: Settings, parent: Parent | None = None) -> int:
    """See process.run."""
    if parent is None:
        return RUN(settings)
    if parent.number == 1:
        given = {**parent.sockets.given, "public": socket.create_server((settings.host, 0))}
        return RUN(settings, replace(parent, sockets=Sockets(given, parent.sockets.kept)))
    alone = settings.model_copy(update={"grpc_port": 0})
    crowded = Crowded(
        parent.number, parent.folder, parent.channel, parent.rest, parent.sockets, parent.before
    )
    return RUN(alone, crowded)


if __name__ == "__main__":
    process.run = run
    sys.exit(main())
