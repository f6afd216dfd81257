"""`python -m prack_worker` is `prack-worker`."""

import sys

from prack_worker.cli.command import main

sys.exit(main())
