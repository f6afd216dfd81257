"""A gateway as a process of its own, or as several."""

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from prack_grpc.bus.folder import Folder
from prack_grpc.bus.link import Meeting
from prack_grpc.composition.service import Service
from prack_grpc.gateway.http.descriptors import fitted
from prack_grpc.handover import systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.processes.child import Serve
from prack_grpc.processes.parent import Parent
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry import logs

# What was imported lives as long as the process: collections need not look at it, and with
# thousands of exchanges open they need not come every 700 objects.
GC_THRESHOLDS = 10_000, 20, 50
# gRPC's own thread wakes the loop for every frame, and would wait 5 ms for its turn.
SWITCH_SECONDS = 0.0005


def run(settings: Settings, parent: Parent | None = None) -> int:
    """Run the gateway of these settings until it is told to stop; one of several with a `parent`.

    Raises AddressInUse, BadActivation, BadCertificate, BadCredentials, BadState, BadStore or
    SettingsError.
    """
    logs.configure(settings.log_format, settings.log_level, process=parent.number if parent else 0)
    logs.announce_alone()
    _tune()
    if parent:
        os.environ.pop("NOTIFY_SOCKET", None)  # systemd hears of the supervisor
        predecessor, sockets = parent.predecessor(), parent.sockets
    else:
        predecessor = Predecessor.of(os.environ)
        given = systemd.sockets(os.environ)
        sockets = predecessor.sockets if predecessor else Sockets(given, frozenset(given))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        limits = fitted(settings.connection_limits())
        meetings = partial(_meetings, parent)
        service = Service(settings, limits, sockets, predecessor, meetings=meetings, parent=parent)
        runner.run(service.serve())
    return 0


def ended(status: int) -> int:
    """This exit code; but if a thread goes on that nobody waits for, the process ends here.

    Such a thread asks an authority (--acme) or sends traces. It is in OpenSSL, which must not be
    cleaned up while it is.
    """
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


def supervise(settings: Settings, serve: Callable[[Settings], Serve]) -> int:
    """Run as many gateways as these settings say, each of which does what `serve` gives.

    All of the gateway is imported by now, and shared by them. Raises AddressInUse, BadActivation or
    SettingsError.
    """
    from prack_grpc.processes import supervisor

    logs.configure(settings.log_format, settings.log_level)
    _tune()
    return supervisor.run(settings, serve)


def _meetings(parent: Parent | None, gateway_id: str) -> list[Meeting]:
    """Where one of several processes finds the others."""
    return [Folder(parent.folder, gateway_id)] if parent else []


def _tune() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()
    sys.setswitchinterval(SWITCH_SECONDS)


def loop_factory() -> Any:
    """What makes the event loop of a gateway; None for that of asyncio."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
