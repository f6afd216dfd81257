"""The command `prack conformance`."""

from collections.abc import Sequence

HELP = "check a worker against the protocol: prack conformance prack -- ./my-worker {gateway}"


def run(arguments: Sequence[str]) -> int:
    """Run the command. Returns its exit status."""
    # Only this command pays for what it imports.
    from prack_grpc.cli.conformance import command

    return command.run(arguments)
