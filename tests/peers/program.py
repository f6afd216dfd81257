"""`prack serve` that meets others in the folder MEET: python -m tests.peers.program serve ..."""

import os
import sys
from functools import partial
from pathlib import Path

from prack_grpc import process
from prack_grpc.bus.folder import Folder
from prack_grpc.cli.main import main
from prack_grpc.composition.service import Service

if __name__ == "__main__":
    folder = Path(os.environ["MEET"])
    vars(process)["Service"] = partial(Service, meetings=lambda name: [Folder(folder, name)])
    sys.exit(main())
