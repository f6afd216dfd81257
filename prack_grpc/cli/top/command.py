"""The command `prack top` (docs/operations.md)."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial

from prack_grpc.cli.gateway import Trouble, admin_port
from prack_grpc.cli.seconds import seconds
from prack_grpc.cli.terminal import say
from prack_grpc.cli.top import snapshot
from prack_grpc.cli.top.page import Page, look
from prack_grpc.cli.top.tables import MOST_ROWS, ORDERS, TABLES, Wish
from prack_grpc.cli.trust import FILES, Trust, add_flags
from prack_grpc.settings.loading import load

ABOUT = """\
Shows what the page of the admin port shows, in this terminal, again each second. If the output is
no terminal, or with --once, it prints the figures once, as plain text.
"""
MISSING = (
    "the live view needs rich, run: pip install 'prack[top]' "
    "(`prack top --once` prints the figures without it)"
)
SHORTEST, LONGEST = 0.1, 3600.0  # seconds between two looks


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns 0, 1 without an answer, 2 without rich, 143 after SIGTERM.

    Raises SettingsError.
    """
    words = vars(_parser().parse_args(arguments))
    files = {name: words.pop(name) for name in FILES}
    once, interval, order = (words.pop(name) for name in ("once", "interval", "sort"))
    flags = {name: value for name, value in words.items() if value is not None}
    settings = load(flags, os.environ, listening=False)
    ask = partial(look, admin_port(settings, Trust(settings, files, os.environ)))
    try:
        if once or not _is_screen():
            snapshot.show(ask(Wish(tuple(TABLES), order, MOST_ROWS)))
            return 0
        return _watch(ask, interval, order)
    except Trouble as error:
        say(f"prack: {error}", sys.stderr)
        return 1


def _watch(ask: Callable[[Wish], Page], interval: float, order: str) -> int:
    # Until there is a screen, there is nothing to restore: Ctrl-C just ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from prack_grpc.cli.top.live import watch
    except ImportError:
        say(f"prack: {MISSING}", sys.stderr)
        return 2
    return watch(ask, interval, order)


def _is_screen() -> bool:
    """Whether there is a screen to draw on, and keys to press."""
    dumb = os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdin.isatty() and sys.stdout.isatty() and not dumb


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="prack top", description=ABOUT, allow_abbrev=False)
    parser.add_argument("--admin-host", metavar="HOST", help="where the gateway's admin port is")
    parser.add_argument("--admin-port", metavar="PORT", help="its port (default 4244)")
    parser.add_argument(
        "--token-file",
        "--admin-token-file",
        dest="admin_token_file",
        metavar="FILE",
        help="file with its token (or set PRACK_ADMIN_TOKEN)",
    )
    parser.add_argument(
        "--interval",
        type=seconds(SHORTEST, LONGEST),
        default=1.0,
        metavar="SECONDS",
        help="time between two looks (default 1)",
    )
    parser.add_argument(
        "--sort", choices=ORDERS, default=ORDERS[0], help="order of the workers (default worker)"
    )
    add_flags(parser)
    parser.add_argument("--once", action="store_true", help="print the figures once")
    return parser
