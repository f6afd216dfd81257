"""Runs one worker in this process, from its settings to its end."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import shlex
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from prack_worker.app.detect import detect
from prack_worker.app.loading import load, name_of
from prack_worker.asgi.application import AsgiApplication
from prack_worker.cli.dialling import transport
from prack_worker.cli.logs import resume_logging, start_logging
from prack_worker.errors import (
    CommandEnded,
    GatewayRefused,
    LifespanFailed,
    PrackError,
    UsageError,
)
from prack_worker.failures import run_through
from prack_worker.logs.access import Accounted
from prack_worker.loops.watchdog import Watchdog
from prack_worker.processes.parent import Parent
from prack_worker.processes.recycling import Recycling
from prack_worker.proxy.address import free_address
from prack_worker.proxy.command import Command
from prack_worker.proxy.descriptors import make_room
from prack_worker.settings.settings import Settings
from prack_worker.stopping import Deadline, Served, Stop
from prack_worker.worker import Application, Worker
from prack_worker.wsgi.application import WsgiApplication
from prack_worker.wsgi.whole import needs_length

log = logging.getLogger("prack_worker")

# The connection's thread, and gRPC's, would wait 5 ms for their turn while the application runs.
# Threads that compute would lose a tenth of it to changes every half millisecond.
SWITCH_SECONDS = {"asgi": 0.0005, "wsgi": 0.002, "proxy": 0.0005}
DEFAULT_SLOTS = {"asgi": 64, "wsgi": 8, "proxy": 64}
# The application may fork (subprocesses do), and its children have no use for our connection. And
# we say ourselves what went wrong.
GRPC = {"GRPC_ENABLE_FORK_SUPPORT": "0", "GRPC_VERBOSITY": "ERROR"}


def prepare(settings: Settings) -> None:
    """Before anything of the application is loaded. Raises UsageError."""
    for name, value in {**settings.env_file, **GRPC}.items():
        os.environ.setdefault(name, value)
    if isinstance(sys.stdout, io.TextIOWrapper):  # what an application prints is read as it comes
        sys.stdout.reconfigure(line_buffering=True)
    start_logging(settings)


def run_python(app: object, settings: Settings, parent: Parent, afterwards: ExitStack) -> int:
    """Run one of this application, or of the one with this name.

    `afterwards` gets what a process needs to go on with other work: signals as they were, and
    nothing that ends it. Returns the exit status; raises PrackError.
    """
    found = load(app, settings.app_dir, factory=settings.factory)
    interface = detect(found) if settings.interface == "auto" else settings.interface
    slots = settings.slots or DEFAULT_SLOTS[interface]
    resume_logging()
    log.info("Running %s (%s) with %d slots", name_of(app), interface.upper(), slots)

    async def serve() -> None:
        served = _application(found, interface, slots, settings.root_path)
        await _serve(_worker(served, slots, settings, parent), settings, parent, afterwards)

    return _run(serve, interface, afterwards)


def run_beside(
    command: Sequence[str], environ: dict[str, str], settings: Settings, parent: Parent
) -> int:
    """Run one beside an application that listens for HTTP. Returns and raises as `run_python`.

    `environ` is the application's, beside what `--env-file` says.
    """
    try:
        from prack_worker.proxy.sidecar import beside
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed: pip install 'prack-worker[proxy]'"
        ) from None
    slots = settings.slots or DEFAULT_SLOTS["proxy"]
    address = settings.proxy or free_address()
    environ = {**settings.env_file, **environ}
    if settings.proxy is None:
        environ["PORT"] = str(address.port)
    environ.pop("PRACK_TOKEN", None)  # the worker's, not the application's
    make_room(slots + settings.websocket_slots)
    name = shlex.join(command) or "the application"
    log.info("Running %s at %s with %d slots", name, address, slots)
    afterwards = ExitStack()

    async def serve() -> None:
        sidecar = beside(
            address,
            lambda app: _worker(app, slots, settings, parent),
            Command(command, environ) if command else None,
            ready=settings.ready,
            restart=settings.restart,
            grace=settings.grace,
        )
        await _serve(sidecar, settings, parent, afterwards, sidecar.kill)

    return _run(serve, "proxy", afterwards)


def _run(
    serve: Callable[[], Coroutine[object, object, None]], interface: str, afterwards: ExitStack
) -> int:
    afterwards.callback(sys.setswitchinterval, sys.getswitchinterval())
    sys.setswitchinterval(SWITCH_SECONDS[interface])
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        loop = runner.get_loop()
        run_through(loop, loop.create_task(serve()))
    log.info("Stopped")
    return 0


def _worker(app: Application, slots: int, settings: Settings, parent: Parent) -> Worker:
    recycling = Recycling(settings, parent.spent)
    recycling.start()
    return Worker(
        Accounted(app) if settings.access_log else app,
        transport(settings, parent.name),
        slots=slots,
        websocket_slots=settings.websocket_slots,
        grace=settings.grace,
        welcomed=partial(parent.welcomed, slots),
        settled=recycling.count,
    )


async def _serve(
    served: Served,
    settings: Settings,
    parent: Parent,
    afterwards: ExitStack,
    last: Callable[[], object] = lambda: None,
) -> None:
    deadline = Deadline(served, settings.grace, last)
    afterwards.callback(deadline.disarm)
    stop = Stop(served, deadline, insisting=not parent)
    stop.listen()
    afterwards.callback(stop.forget)
    parent.watch(partial(_orphaned, stop))
    watchdog = Watchdog()
    try:
        await served.run()
    except (GatewayRefused, LifespanFailed) as error:
        deadline.arm(status(error))
        raise
    finally:
        watchdog.close()
    deadline.report()


def _orphaned(stop: Stop) -> None:
    log.warning("The process that started this one has ended")
    stop.ask()


def _application(found: Any, interface: str, slots: int, root_path: str) -> Application:
    if interface == "asgi":
        return AsgiApplication(found, root_path=root_path)
    return WsgiApplication(found, threads=slots, whole=needs_length(), root_path=root_path)


def status(error: PrackError) -> int:
    """The exit status of a run that ends with an error."""
    if isinstance(error, CommandEnded):
        return error.status
    return {UsageError: 2, LifespanFailed: 3}.get(type(error), 1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
