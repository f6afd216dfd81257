"""The command `prack-worker`: reads its words, and runs what they ask for."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

from prack_worker.cli.running import prepare, run_beside, run_python, status
from prack_worker.cli.supervising import run_processes
from prack_worker.errors import (
    AppLoadError,
    CommandEnded,
    GatewayRefused,
    LifespanFailed,
    UsageError,
)
from prack_worker.processes.parent import Parent
from prack_worker.settings.options import GROUPS, Option
from prack_worker.settings.settings import Settings, read_settings
from prack_worker.version import VERSION

USAGE = """prack-worker [options] MODULE:ATTRIBUTE
       prack-worker [options] [--proxy URL] [-- COMMAND ...]"""
ABOUT = """\
Runs an application behind a Prack gateway, to which it connects: an ASGI or WSGI application, or
one in any language that listens for HTTP."""
EXAMPLES = """\
examples:
  prack-worker main:app                            FastAPI, Starlette and other ASGI applications
  prack-worker mysite.wsgi:application --slots 16  Django, Flask and other WSGI applications
  prack-worker mysite.wsgi:application --processes 4
                                                   several processes of it, which a SIGHUP replaces
  prack-worker main:create_app --factory           call create_app() to get the application
  prack-worker main:app --reload                   while you write it: starts anew at each change
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
  prack-worker main:app --env-file .env --access-log --log-format json
  prack-worker main:app --route shop.example.com/cart --route "GET,HEAD *.example.com/"

Each flag is also a variable, --app-dir as PRACK_APP_DIR (several with commas, and routes as
PRACK_ROUTES); the flag counts more. SIGTERM or Ctrl-C finishes what is held; a second one stops
at once. A command gets its SIGTERM when nothing is held any more, and SIGKILL after --grace.

exit status: 0 stopped as asked, within --grace and a second (the log names what was left), 1 the
application cannot be loaded or the gateway refuses the worker for good, 2 wrong usage, 3 the
application failed to start (or, with --processes, cannot be loaded), 130 or 143 stopped at once; or
that of a command that ended by itself.
"""
REPEATED = ("gateway", "route", "env_file", "reload_dir", "reload_include")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parent = Parent.of(os.environ)
    environ = dict(os.environ)
    arguments, command = _split(sys.argv[1:] if argv is None else argv)
    flags = vars(_parser().parse_args(arguments))
    for name in REPEATED:
        if flags[name] is not None:
            flags[name] = ",".join(flags[name])
    app = flags["app"]

    def run() -> int:
        settings = read_settings(flags, os.environ)
        _check(app, command, settings)
        if app:
            sys.path.insert(0, str(settings.app_dir))
        if app and settings.reload:
            return _run_reloading(app, settings, parent)
        if app and settings.wanted and not parent:
            return run_processes(app, settings, partial(_run_one, app, settings))
        prepare(settings)
        if app:
            return run_python(app, settings, parent, ExitStack())  # nothing comes afterwards
        return run_beside(command, environ, settings, parent)

    return _told(run, parent)


def _run_one(app: str, settings: Settings, parent: Parent) -> int:
    """A process of several."""
    return _told(partial(run_python, app, settings, parent, ExitStack()), parent)


def _told(run: Callable[[], int], parent: Parent) -> int:
    """The exit status of what may fail; somebody is told why."""
    try:
        return run()
    except (UsageError, GatewayRefused, CommandEnded) as error:
        return _complain(str(error), status(error))
    except (AppLoadError, LifespanFailed) as error:
        if parent:
            parent.failed(error)
            return status(error)
        what = "the application failed to start: " * isinstance(error, LifespanFailed)
        return _complain(f"{what}{error}", status(error))
    except KeyboardInterrupt:  # before the worker took over the signals
        return 130


def _run_reloading(app: str, settings: Settings, parent: Parent) -> int:
    """Imported here: only who develops pays for it."""
    from prack_worker.reloading import reloader

    if parent:
        prepare(settings)
        return run_python(app, reloader.orphaned_soon(settings), parent, ExitStack())
    return reloader.run(app, settings)


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
        "--processes": settings.processes,
        "--preload": settings.preload,
        "--max-requests": settings.max_requests,
        "--max-lifetime": settings.max_lifetime,
        "--reload": settings.reload,
    }
    if beside and any(of_python.values()):
        names = ", ".join(name for name, given in of_python.items() if given)
        raise UsageError(f"{names}: only with MODULE:ATTRIBUTE, not with --proxy or a command")
    if settings.restart and not command:
        raise UsageError("--restart: expected a command after --, which is started again")
    if settings.max_requests_jitter and not settings.max_requests:
        raise UsageError("--max-requests-jitter: expected --max-requests, which it adds to")
    if settings.ready and not beside:
        raise UsageError("--ready: expected --proxy URL, or a command after --")
    if settings.reload and settings.wanted:
        raise UsageError(
            "--reload: expected one process, without --processes, --preload, --max-requests and "
            "--max-lifetime"
        )
    if (settings.reload_dir or settings.reload_include) and not settings.reload:
        raise UsageError("--reload-dir and --reload-include: only with --reload")


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
    parser.add_argument("--version", action="version", version=f"prack-worker {VERSION}")
    for title, options in GROUPS.items():
        group = parser.add_argument_group(title)
        for option in options:
            _add(group.add_argument, option)
    return parser


def _add(add: Callable[..., object], option: Option) -> None:
    flag = option.flag_name()
    default = f" (default: {option.default})" if option.default and option.metavar else ""
    text = option.help + default
    if option.flag and not option.metavar:
        add(flag, action="store_const", const="1", help=text)
    elif option.flag:
        action = "append" if option.name in REPEATED else "store"
        add(flag, action=action, metavar=option.metavar, help=text)
