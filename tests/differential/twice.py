"""A gateway of two brokers in a row: clients submit to the upper one, workers join the lower one.

python -m tests.differential.twice serve --host HOST --port PORT --api-port PORT --grpc-port PORT
"""

import argparse
import asyncio
import os
from typing import cast

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import Broker, PublicSide
from prack_grpc.composition.service import Service
from prack_grpc.core.limits import Limits
from prack_grpc.settings.loading import load
from prack_grpc.telemetry import logs
from tests.contract.relay import Relay

SLOTS = 1000
VERBS = [name for name in vars(PublicSide) if not name.startswith("_")]


class Twice:
    """The lower broker, but for what clients ask of it; with a relay between the two."""

    def __init__(self, limits: Limits) -> None:
        self._upper = MemoryBroker(limits)
        self._lower = MemoryBroker(limits)
        for verb in VERBS:
            setattr(self, verb, getattr(self._upper, verb))
        self._relay = Relay(self._upper, self._lower, SLOTS)

    def __getattr__(self, verb: str) -> object:
        return getattr(self._lower, verb)

    def begin_drain(self) -> None:
        """See OperatorSide."""
        self._upper.begin_drain()

    async def idle(self, seconds: float) -> None:
        """See OperatorSide."""
        await self._upper.idle(seconds)

    def shut_down(self) -> None:
        """See OperatorSide."""
        self._upper.shut_down()
        self._lower.shut_down()


def make(limits: Limits) -> Broker:
    """Both, as one."""
    return cast("Broker", Twice(limits))


def main() -> None:
    """Serve until a signal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    for name in ("host", "port", "api-port", "grpc-port", "admin-port"):
        parser.add_argument(f"--{name}")
    flags = vars(parser.parse_args())
    del flags["command"]
    settings = load(flags, os.environ)
    logs.configure(settings.log_format, settings.log_level)
    asyncio.run(Service(settings, make_broker=make).serve())


if __name__ == "__main__":
    main()
