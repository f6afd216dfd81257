"""`python -m prack_grpc` is `prack`."""

import sys

from prack_grpc.cli.main import main

sys.exit(main())
