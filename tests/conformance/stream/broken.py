"""The small worker, whole or broken.

python -m tests.conformance.stream.broken [tunnel.]WAY URL    runs one that is broken in this way,
    with WebSockets as tunnels or as events
"""

import asyncio
import sys

from tests.conformance.stream import application
from tests.conformance.stream.ways import WAYS
from tests.conformance.stream.worker import Stream, Worker
from tests.conformance.ways import nothing, replace

if __name__ == "__main__":
    style, _, way = sys.argv[1].rpartition(".")
    if style == "tunnel":
        replace(Stream, features=("tunnel",))
    WAYS.known.get(way, nothing)()
    sys.exit(asyncio.run(Worker(sys.argv[2], application.serve).run()))
