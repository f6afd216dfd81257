"""`prack` whose second process ends with 7 as long as there is the file that SECOND_FAILS names."""

import os
import sys
from pathlib import Path

from prack_grpc import process
from prack_grpc.cli.main import main
from prack_grpc.processes.parent import Parent
from prack_grpc.settings.settings import Settings

RUN = process.run
STATUS = 7


def run(settings: Settings, parent: Parent | None = None) -> int:
    """See process.run."""
    fails = parent and parent.number == 2 and Path(os.environ["SECOND_FAILS"]).exists()
    return STATUS if fails else RUN(settings, parent)


if __name__ == "__main__":
    process.run = run
    sys.exit(main())
