"""One gateway as a process of its own."""

import asyncio
import gc
import os
import sys
from typing import Any

from prack_grpc.composition.service import Service
from prack_grpc.gateway.http.descriptors import fitted
from prack_grpc.handover import systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry import logs

# What was imported lives as long as the process: collections need not look at it, and with
# thousands of exchanges open they need not come every 700 objects.
GC_THRESHOLDS = 10_000, 20, 50
# gRPC's own thread wakes the loop for every frame, and would wait 5 ms for its turn.
SWITCH_SECONDS = 0.0005


def run(settings: Settings) -> int:
    """Run the gateway of these settings until it is told to stop.

    Raises AddressInUse, BadActivation, BadCertificate, BadCredentials or BadState.
    """
    logs.configure(settings.log_format, settings.log_level)
    logs.announce_alone()
    _tune()
    predecessor = Predecessor.of(os.environ)
    given = systemd.sockets(os.environ)
    sockets = predecessor.sockets if predecessor else Sockets(given, frozenset(given))
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        limits = fitted(settings.connection_limits())
        runner.run(Service(settings, limits, sockets, predecessor).serve())
    return 0


def _tune() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    sys.setswitchinterval(SWITCH_SECONDS)


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
