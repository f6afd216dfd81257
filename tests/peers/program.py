"""`prack serve` that meets others in the folder MEET: python -m tests.peers.program serve ..."""

import os
import sys
from pathlib import Path
from typing import Any

from prack_grpc import process
from prack_grpc.bus.folder import Folder
from prack_grpc.cli.main import main
from prack_grpc.composition.service import Service


def service(*given: Any, **more: Any) -> Service:
    """One that meets others there, whatever else it was to do."""
    folder = Path(os.environ["MEET"])
    return Service(*given, **more | {"meetings": lambda name: [Folder(folder, name)]})


if __name__ == "__main__":
    vars(process)["Service"] = service
    sys.exit(main())
