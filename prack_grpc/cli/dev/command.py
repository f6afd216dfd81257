"""The command `prack dev`: a gateway and a worker that reloads, for whoever develops."""

import argparse
import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prack_grpc.cli.dev.lines import start_logging
from prack_grpc.cli.serve import START_ERROR
from prack_grpc.cli.terminal import say
from prack_grpc.settings.loading import load
from prack_grpc.settings.settings import Settings
from prack_wire.starter import STARTER

USAGE = "prack dev MODULE:ATTRIBUTE [--port PORT] [flags of prack-worker]"
ABOUT = """\
Serves an application while you write it: starts a gateway and, behind it, `prack-worker --reload`,
both for this machine only. When you save a file, the application starts anew; requests wait for it.
If it does not start, the browser shows why.

  prack dev main:app                              FastAPI, Starlette and other ASGI applications
  prack dev mysite.wsgi:application               Django, Flask and other WSGI applications
  prack dev main:create_app --factory             call create_app() to get the application
  prack dev main:app --reload-include '*.html'    start anew for these files, too

`prack-worker --help` lists the flags of the worker. Not for production: there use `prack serve` and
`prack-worker`.
"""
PORT = 8000  # where people look for it
HOUR = "3600"  # a request may be looked at in a debugger
# Requests end with the worker, so the gateway need not wait for them when it stops.
SETTINGS = {
    "host": "127.0.0.1",
    "api_port": "0",
    "admin_port": "0",
    "grpc": "false",
    "head_timeout": HOUR,
    "idle_timeout": HOUR,
    "grace": "0.1",
}


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns the worker's exit status. Raises SettingsError."""
    parser = _parser()
    app, *words = arguments or ("",)
    if app in ("-h", "--help"):
        parser.print_help()
        return 0
    if not app or app.startswith("-"):
        parser.error("expected the application first, such as main:app")
    own, words = parser.parse_known_args(words)
    if own.gateway is not None:  # there, others would see tracebacks
        parser.error("--gateway: it has one of its own; `prack-worker --reload` works for others")
    # `prack --help` should not pay for it.
    from prack_grpc.listener import AddressInUse

    port = _usual_port() if own.port is None else own.port
    try:
        settings = load(SETTINGS | {"port": str(port)}, {})
        start_logging()
        return asyncio.run(_serve(settings, app, words))
    except AddressInUse as error:
        say(f"prack: {error}", sys.stderr)
        return START_ERROR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="prack dev",
        usage=USAGE,
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--port",
        type=int,
        metavar="PORT",
        help=f"where the application is to be (default: {PORT}, or a free one if that is taken)",
    )
    parser.add_argument("--gateway", help=argparse.SUPPRESS)
    return parser


def _usual_port() -> int:
    from prack_grpc.listener import AddressInUse, listen

    try:
        listen(SETTINGS["host"], PORT, "port").close()
    except AddressInUse:
        return 0
    return PORT


async def _serve(settings: Settings, app: str, words: Sequence[str]) -> int:
    from prack_grpc.composition.service import Service
    from prack_grpc.listener import url

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Service(settings).listening() as (running, port):
        say(f"{app} is at {url(settings.host, port)}/ (Ctrl-C stops it)", sys.stderr)
        admin = url(settings.admin_host, running.admin.port)
        say(f"what the gateway does is at {admin}/", sys.stderr)
        gateway = url(settings.api_host, running.api_port, "prack")
        async with _worker(app, *words, "--reload", "--gateway", gateway) as worker:
            ended = asyncio.create_task(worker.wait())
            stopping = asyncio.create_task(stopped.wait())
            await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
        return await ended


@asynccontextmanager
async def _worker(*words: str) -> AsyncIterator[Process]:
    """A `prack-worker`, told to stop at the end and waited for."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        number = theirs.fileno()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prack_worker", *words),
            env=os.environ | {STARTER: f"{number} reload"},
            pass_fds=(number,),
        )
        theirs.close()
        yield process
    await process.wait()
