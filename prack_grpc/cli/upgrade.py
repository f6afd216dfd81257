"""The command `prack upgrade` (docs/deploying.md)."""

import argparse
import os
import sys
from collections.abc import Sequence

from prack_grpc.cli.terminal import say
from prack_grpc.settings.loading import load

ABOUT = """\
Replaces the running gateway of this machine by a new process of the same program, with the same
flags and variables, but with the code that is installed now. The new process takes over the ports;
no connection is refused. The old one finishes what it holds, then ends. If the new one does not
start, the old one goes on, and this command exits with 1.

The command returns when the new process serves. Only root and the user of the gateway may do that.
"""


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns 0, or 1 if the gateway was not replaced. Raises SettingsError."""
    parser = argparse.ArgumentParser(
        prog="prack upgrade",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--api-host", metavar="HOST", help="host of its REST worker API")
    parser.add_argument(
        "--api-port", metavar="PORT", help="port of its REST worker API (default 4242)"
    )
    words = vars(parser.parse_args(arguments))
    flags = {name: value for name, value in words.items() if value is not None}
    settings = load(flags, os.environ, listening=False)
    # `prack --help` should not pay for it.
    from prack_grpc.handover import control

    try:
        upgraded, reply = control.ask(settings.api_host, settings.api_port)
    except OSError as error:
        upgraded = False
        reply = (
            f"no gateway with the REST address {settings.api_host}:{settings.api_port} on "
            f"this machine: {error.strerror}; set its address with --api-host and --api-port"
        )
    if upgraded:
        say(reply)
        return 0
    say(f"prack: {reply}", sys.stderr)
    return 1
