"""Many workers with one slot each, in one process: `python -m bench.fleet SCHEME PORT COUNT`.

Each has a connection of its own. All answer with the same few bytes.
"""

import asyncio
import sys

from bench.apps.hello import HELLO
from bench.client import run
from prack_worker.errors import ConnectFailed
from prack_worker.exchange import Exchange
from prack_worker.stream.grpc import GrpcTransport
from prack_worker.stream.plain import TcpTransport
from prack_worker.transport import Identity, Session

AT_ONCE = 20
TRANSPORTS = {"prack": TcpTransport, "grpc": GrpcTransport}
HEADERS = [(b"content-type", b"text/plain")]


class Fleet:
    """The sessions, and the answers that are being given."""

    def __init__(self, scheme: str) -> None:
        self._transport = TRANSPORTS[scheme]
        self.sessions: list[Session] = []
        self._answers: set[asyncio.Task[None]] = set()

    async def connect(self, port: int, count: int) -> None:
        """Dial in `count` times."""
        while len(self.sessions) < count:
            first = len(self.sessions)
            names = range(first, min(first + AT_ONCE, count))
            self.sessions += await asyncio.gather(*(self._dial(port, name) for name in names))

    async def _dial(self, port: int, name: int) -> Session:
        transport = self._transport(f"127.0.0.1:{port}", Identity(f"fleet-{name}"))
        while True:
            try:
                return await transport.connect(self._accept, 1)
            except ConnectFailed:  # the gateway may still be starting
                await asyncio.sleep(0.05)

    def _accept(self, exchange: Exchange) -> None:
        task = asyncio.create_task(exchange.send_head(200, HEADERS, HELLO, end=True))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)


async def main() -> None:
    """Answer until the first session is lost."""
    scheme, port, count = sys.argv[1:]
    fleet = Fleet(scheme)
    await fleet.connect(int(port), int(count))
    print("connected", flush=True)
    await fleet.sessions[0].lost.wait()


if __name__ == "__main__":
    run(main())
