"""The command `prack-worker`: reads the settings, loads the application, runs the worker."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import re
import shlex
import socket
import sys
import uuid
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from prack_wire import private
from prack_wire.terminal import visible
from prack_wire.tls import BadFiles, Tls
from prack_worker.app.detect import detect
from prack_worker.app.loading import load
from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import (
    AppLoadError,
    CommandEnded,
    ConnectFailed,
    GatewayRefused,
    LifespanFailed,
    PrackError,
    UsageError,
)
from prack_worker.failures import run_through
from prack_worker.gateways.several import Several
from prack_worker.loops.watchdog import Watchdog
from prack_worker.proxy.address import free_address
from prack_worker.proxy.command import Command
from prack_worker.proxy.descriptors import make_room
from prack_worker.settings import OPTIONS, Gateway, Settings, read_settings, read_token
from prack_worker.stopping import Deadline, Served, Stop
from prack_worker.transport import Identity, Transport
from prack_worker.version import VERSION
from prack_worker.worker import Application, Worker
from prack_worker.wsgi.application import WsgiApplication
from prack_worker.wsgi.whole import needs_length

log = logging.getLogger("prack_worker")

# The connection's thread, and gRPC's, would wait 5 ms for their turn while the application runs.
SWITCH_SECONDS = 0.0005

USAGE = """prack-worker [options] MODULE:ATTRIBUTE
       prack-worker [options] [--proxy URL] [-- COMMAND ...]"""
ABOUT = """\
Runs an application behind a Prack gateway, to which it connects: an ASGI or WSGI application, or
one in any language that listens for HTTP."""
EXAMPLES = """\
examples:
  prack-worker main:app                            FastAPI, Starlette and other ASGI applications
  prack-worker mysite.wsgi:application --slots 16  Django, Flask and other WSGI applications
  prack-worker main:create_app --factory           call create_app() to get the application
  prack-worker -- npm start                        any language: starts it, with a free port in PORT
  prack-worker --proxy http://127.0.0.1:3000       any language: it listens there already
  prack-worker --proxy unix:/run/app.sock --ready /healthz --restart -- ./serve
  prack-worker main:app --gateway prack://gateway.example.com:4242
                                                   a gateway on another machine
  prack-worker main:app --gateway pracks://gateway.example.com:4242
                                                   the same over TLS
  prack-worker main:app --gateway grpc://127.0.0.1:4243
                                                   over gRPC, on the gateway's gRPC port
  prack-worker main:app --gateway http://127.0.0.1:4242
                                                   over the REST API
  prack-worker main:app --route shop.example.com/cart --route "GET,HEAD *.example.com/"

Each flag is also a variable, --app-dir as PRACK_APP_DIR (several gateways with commas, and routes
as PRACK_ROUTES); the flag counts more. SIGTERM or Ctrl-C finishes what is held; a second one stops
at once. A command gets its SIGTERM when nothing is held any more, and SIGKILL after --grace.

exit status: 0 stopped as asked, within --grace and a second (the log names what was left), 1 the
application cannot be loaded or the gateway refuses the worker for good, 2 wrong usage, 3 the
application failed to start, 130 or 143 stopped at once; or that of a command that ended by itself.
"""
REPEATED = ("gateway", "route")
DEFAULT_SLOTS = {"asgi": 64, "wsgi": 8, "proxy": 64}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    environ = dict(os.environ)
    # The application may fork (subprocesses do); its children have no use for our connection.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # we say ourselves what went wrong
    arguments, command = _split(sys.argv[1:] if argv is None else argv)
    flags = vars(_parser().parse_args(arguments))
    for name in REPEATED:
        if flags[name] is not None:
            flags[name] = ",".join(flags[name])
    try:
        settings = read_settings(flags, os.environ)
        _check(flags["app"], command, settings)
        if flags["app"]:
            return _run_python(flags["app"], settings)
        return _run_beside(command, environ, settings)
    except (UsageError, AppLoadError, GatewayRefused, CommandEnded) as error:
        return _complain(str(error), _status(error))
    except LifespanFailed as error:
        return _complain(f"the application failed to start: {error}", _status(error))
    except KeyboardInterrupt:  # before the worker took over the signals
        return 130


def _complain(lines: str, status: int) -> int:
    for line in lines.splitlines():
        print(f"prack-worker: {line}", file=sys.stderr)
    return status


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Our own arguments, and the command after `--`."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def _check(app: str | None, command: Sequence[str], settings: Settings) -> None:
    """Refuse what does not go together. Raises UsageError."""
    beside = bool(command) or settings.proxy is not None
    if app and beside:
        raise UsageError("expected either MODULE:ATTRIBUTE, or --proxy URL and a command after --")
    if not app and not beside:
        raise UsageError(
            "expected an application: MODULE:ATTRIBUTE such as main:app, or --proxy URL, or a "
            "command after --, such as -- npm start"
        )
    of_python = {
        "--interface": settings.interface != "auto",
        "--factory": settings.factory,
        "--root-path": settings.root_path != "",
    }
    if beside and any(of_python.values()):
        names = ", ".join(name for name, given in of_python.items() if given)
        raise UsageError(f"{names}: only with MODULE:ATTRIBUTE, not with --proxy or a command")
    if settings.restart and not command:
        raise UsageError("--restart: expected a command after --, which is started again")
    if settings.ready and not beside:
        raise UsageError("--ready: expected --proxy URL, or a command after --")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "prack-worker",
        usage=USAGE,
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "app", metavar="MODULE:ATTRIBUTE", nargs="?", help="an application in Python, main:app"
    )
    for option in OPTIONS:
        flag = f"--{option.name.replace('_', '-')}"
        default = f" (default: {option.default})" if option.default and option.metavar else ""
        text = option.help + default
        if option.flag and not option.metavar:
            parser.add_argument(flag, action="store_const", const="1", help=text)
        elif option.flag:
            action = "append" if option.name in REPEATED else "store"
            parser.add_argument(flag, action=action, metavar=option.metavar, help=text)
    parser.add_argument("--version", action="version", version=f"prack-worker {VERSION}")
    return parser


def _run_python(name: str, settings: Settings) -> int:
    found = load(name, settings.app_dir, factory=settings.factory)
    interface = detect(found) if settings.interface == "auto" else settings.interface
    slots = settings.slots or DEFAULT_SLOTS[interface]
    _start_logging(settings.log_level)
    log.info("Running %s (%s) with %d slots", name, interface.upper(), slots)

    async def serve() -> None:
        app = _application(found, interface, slots, settings.root_path)
        await _serve(_worker(app, slots, settings), settings)

    return _run(serve)


def _run_beside(command: Sequence[str], environ: dict[str, str], settings: Settings) -> int:
    """Run a worker beside an application that listens for HTTP."""
    try:
        from prack_worker.proxy.sidecar import beside
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed: pip install 'prack-worker[proxy]'"
        ) from None
    slots = settings.slots or DEFAULT_SLOTS["proxy"]
    address = settings.proxy or free_address()
    if settings.proxy is None:
        environ["PORT"] = str(address.port)
    environ.pop("PRACK_TOKEN", None)  # the worker's, not the application's
    _start_logging(settings.log_level)
    make_room(slots + settings.websocket_slots)
    name = shlex.join(command) or "the application"
    log.info("Running %s at %s with %d slots", name, address, slots)

    async def serve() -> None:
        sidecar = beside(
            address,
            lambda app: _worker(app, slots, settings),
            Command(command, environ) if command else None,
            ready=settings.ready,
            restart=settings.restart,
            grace=settings.grace,
        )
        await _serve(sidecar, settings, sidecar.kill)

    return _run(serve)


def _run(serve: Callable[[], Coroutine[object, object, None]]) -> int:
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        loop = runner.get_loop()
        run_through(loop, loop.create_task(serve()))
    log.info("Stopped")
    return 0


def _worker(app: Application, slots: int, settings: Settings) -> Worker:
    return Worker(
        app,
        _transport(settings),
        slots=slots,
        websocket_slots=settings.websocket_slots,
        grace=settings.grace,
    )


async def _serve(
    served: Served, settings: Settings, last: Callable[[], object] = lambda: None
) -> None:
    deadline = Deadline(served, settings.grace, last)
    Stop(served, deadline).listen()
    watchdog = Watchdog()
    try:
        await served.run()
    except (GatewayRefused, LifespanFailed) as error:
        deadline.arm(_status(error))
        raise
    finally:
        watchdog.close()
    deadline.report()


def _application(found: Any, interface: str, slots: int, root_path: str) -> Application:
    if interface == "asgi":
        return AsgiApplication(found, root_path=root_path)
    return WsgiApplication(found, threads=slots, whole=needs_length(), root_path=root_path)


def _status(error: PrackError) -> int:
    """The exit status of a run that ends with an error."""
    if isinstance(error, CommandEnded):
        return error.status
    return {UsageError: 2, LifespanFailed: 3}.get(type(error), 1)


class Lines(logging.Formatter):
    """Shows what a gateway has said, and whatever answered in its place, but does not obey it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. A traceback comes after it."""
        return visible(super().formatMessage(record))


def _start_logging(level: str) -> None:
    """Configured after the application was loaded, because loading it may reset all loggers."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    log.handlers = [handler]
    log.setLevel(level.upper())
    log.propagate = False
    log.disabled = False


def _transport(settings: Settings) -> Transport:
    host = re.sub(r"[^!-~]", "-", socket.gethostname())[:64]
    identity = Identity(
        worker_id=f"{host}-{os.getpid()}-{uuid.uuid4().hex[:8]}",
        service=settings.service,
        version=settings.app_version,
        routes=settings.routes,
        tier=settings.tier,
    )
    token = _token_reader(settings)
    tls = _tls(settings) if settings.gateway[0].is_secure else None
    ways = [_way(one, identity, token, settings, tls) for one in settings.gateway]
    return ways[0] if len(ways) == 1 else Several(ways)


def _way(
    gateway: Gateway,
    identity: Identity,
    token: Callable[[], str],
    settings: Settings,
    tls: Tls | None,
) -> Transport:
    """Imported here, after the application: gRPC must not see a fork that loading it does."""
    silence = settings.max_silence
    if gateway.scheme in ("grpc", "grpcs"):
        from prack_worker.stream.grpc import GrpcTransport

        return GrpcTransport(gateway.address, identity, token, silence, tls)
    if gateway.scheme in ("prack", "pracks"):
        from prack_worker.stream.plain import TcpTransport

        return TcpTransport(gateway.address, identity, token, silence, tls)
    from prack_worker.rest.transport import RestTransport

    return RestTransport(str(gateway), identity, token, silence, tls)


def _tls(settings: Settings) -> Tls:
    key = settings.tls.key
    if key is not None and private.is_open_to_others(key):
        log.warning(private.KEY_REMEDY, key)
    try:
        settings.tls.context()
    except BadFiles as error:
        raise UsageError(str(error)) from None
    return settings.tls


def _token_reader(settings: Settings) -> Callable[[], str]:
    if settings.token_file is None:
        return lambda: settings.token
    path = settings.token_file
    if private.is_open_to_others(path):
        log.warning(private.REMEDY, path)

    def read() -> str:
        try:
            return read_token(path)
        except ValueError as error:
            raise ConnectFailed(str(error)) from error

    return read


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop
