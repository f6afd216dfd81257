"""`prack serve` that meets others in the folder MEET: python -m tests.peers.program serve ..."""

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from prack_grpc import process
from prack_grpc.bus.folder import Folder
from prack_grpc.cli.main import main
from prack_grpc.composition.service import Service


def meeting(folder: Path, *parts: Any, **more: Any) -> Service:
    """The service of a gateway that meets others in this folder."""
    return Service(*parts, **more | {"meetings": lambda name: [Folder(folder, name)]})


if __name__ == "__main__":
    folder = Path(os.environ["MEET"])
    vars(process)["Service"] = partial(meeting, folder)
    sys.exit(main())
