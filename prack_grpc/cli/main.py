"""The command line. Each command imports what it needs when it is run, and no other pays for it."""

import sys
from collections.abc import Sequence

import prack_grpc
from prack_grpc.cli.commands import ABOUT, COMMANDS, OPERATING, USAGE_ERROR
from prack_grpc.cli.terminal import complain

INTERRUPTED = 130  # as shells have it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns the exit code: 0, 1 not ready, 2 bad usage, 3 it cannot start, 130 Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or (
        arguments[0].startswith("-") and arguments[0] not in ("--help", "--version")
    ):
        arguments.insert(0, "serve")
    command, rest = arguments[0], arguments[1:]
    if command == "--help":
        print(ABOUT + "\nCommands:\n" + "\n".join(f"  {n:<12} {h}" for n, h in COMMANDS.items()))
        print("\n`prack serve --help` lists every setting.")
        return 0
    if command in ("version", "--version"):
        print(f"prack {prack_grpc.__version__} ({built()})")
        return 0
    return _run(command, rest)


def built() -> str:
    """Whether what most of an exchange goes through is compiled here, or interpreted."""
    from prack_grpc.core import dispatcher

    return "interpreted" if dispatcher.__file__.endswith(".py") else "compiled"


def _run(command: str, arguments: list[str]) -> int:
    from prack_grpc.settings.loading import SettingsError, nearest

    if command not in COMMANDS:
        complain([f"unknown command {command!r}{nearest(command, list(COMMANDS))}"])
        return USAGE_ERROR
    try:
        return _known(command, arguments)
    except SettingsError as error:
        complain(error.problems)
        return USAGE_ERROR
    except KeyboardInterrupt:  # of a command that waits
        return INTERRUPTED


def _known(command: str, arguments: list[str]) -> int:
    if command in OPERATING:
        from prack_grpc.cli import operate

        return operate.run(command, arguments)
    if command == "dev":
        from prack_grpc.cli.dev import command as dev

        return dev.run(arguments)
    if command == "top":
        from prack_grpc.cli.top import command as top

        return top.run(arguments)
    if command == "dead":
        from prack_grpc.cli import dead

        return dead.run(arguments)
    if command == "upgrade":
        from prack_grpc.cli import upgrade

        return upgrade.run(arguments)
    if command == "token":
        from prack_grpc.cli import token

        return token.run(arguments)
    if command == "conformance":
        from prack_grpc.cli.conformance import command as conformance

        return conformance.run(arguments)
    from prack_grpc.cli import serve

    return serve.run(command, arguments)
