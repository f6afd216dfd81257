"""`prack` with two processes, where clients come to the second one only and workers to the first.

So all that is asked goes from one process to the other: python -m tests.acceptance.apart serve ...
"""

import asyncio
import os
import sys
from collections.abc import Callable

from prack_grpc import process
from prack_grpc.cli.main import main
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import listen
from prack_grpc.processes.child import Child, Serve
from prack_grpc.processes.parent import Parent
from prack_grpc.processes.supervisor import Supervisor
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry import logs

RUN = process.run


class Apart(Supervisor):
    """Deals workers to the first process only, also while it is not there."""

    def players(self) -> list[Child]:
        """See Supervisor."""
        first = list(self.seats[0].children)
        return [child for child in super().players() if child in first]


def run(settings: Settings, parent: Parent | None = None) -> int:
    """See process.run."""
    if parent is None or parent.number == 1:
        return RUN(settings, parent)
    return RUN(settings.model_copy(update={"grpc_port": 0}), parent)


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
    return asyncio.run(Apart(settings, serve, sockets, predecessor).run())


if __name__ == "__main__":
    process.run, process.supervise = run, supervise
    sys.exit(main())
