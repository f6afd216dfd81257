"""`prack` with two processes, where clients come to the second one only and workers to the first.

So all that is asked goes from one process to the other: python -m tests.acceptance.apart serve ...
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from prack_grpc import process
from prack_grpc.cli.main import main
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import listen
from prack_grpc.processes.child import Serve
from prack_grpc.processes.parent import Parent, Upgrade
from prack_grpc.processes.supervisor import Supervisor
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry import logs

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
    if parent is None or parent.number == 1:
        return RUN(settings, parent)
    alone = settings.model_copy(update={"grpc_port": 0})
    crowded = Crowded(
        parent.number, parent.folder, parent.channel, parent.rest, parent.sockets, parent.before
    )
    return RUN(alone, crowded)


def supervise(settings: Settings, serve: Callable[[Settings], Serve]) -> int:
    """See process.supervise."""
    logs.configure(settings.log_format, settings.log_level)
    predecessor = Predecessor.of(os.environ)
    if predecessor:
        sockets = predecessor.sockets
    else:
        public = {"public.1": listen(settings.host, 0, "port")}  # nobody is told of it
        public["public.2"] = listen(settings.host, settings.port, "port")
        sockets = Sockets(public)
    return asyncio.run(Supervisor(settings, serve, sockets, predecessor).run())


if __name__ == "__main__":
    process.run, process.supervise = run, supervise
    sys.exit(main())
