"""Opens streams of frames, over any carrier (proto/README.md, section 2)."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_wire import heap
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.link import Link
from prack_worker.stream.carrier import Carrier
from prack_worker.stream.relay import Relay
from prack_worker.stream.session import StreamSession, ending_of
from prack_worker.stream.windows import OURS
from prack_worker.transport import Accept, Identity
from prack_worker.version import VERSION

MINOR = 1
WELCOME_SECONDS = 10.0
WRONG_TOKEN = "the gateway does not take this token (PRACK_TOKEN or --token-file)"  # noqa: S105
NOBODY = "(is `prack serve` running there?)"


class StreamTransport:
    """One gateway at `address`, "host:port".

    `token` is asked before each dial, so that a token may be replaced while the worker runs; it may
    raise ConnectFailed.
    """

    counts_held = False
    # For whoever dialled another port than the one that this carrier is for.
    hint = ""

    def __init__(
        self, address: str, identity: Identity, token: Callable[[], str | None] = lambda: None
    ) -> None:
        self.address = address
        self._identity = identity
        self._token = token
        heap.keep()

    async def _dial(self, token: str | None) -> Carrier:
        """A stream without a hello. Raises ConnectFailed."""
        raise NotImplementedError

    async def connect(
        self, accept: Accept, slots: int, *, websockets: bool = False
    ) -> StreamSession:
        """See `Transport.connect`."""
        link = Link()
        try:
            carrier, first = await link.do(self._open(self._hello(slots, websockets)))
        except BaseException:
            await link.close()
            raise
        welcome = first.welcome
        max_silence = welcome.dead_after_ms / 1000 or 15.0
        relay = Relay(link, carrier, welcome.heartbeat_ms / 1000 or 5.0, max_silence)
        return StreamSession(relay, first, accept)

    async def _open(self, hello: pb.Hello) -> tuple[Carrier, pb.GatewayFrame]:
        """Runs on the link's loop."""
        token = self._token()
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                carrier = await self._dial(token)
                try:
                    return carrier, await _greet(carrier, hello)
                except BaseException:
                    await carrier.close()
                    raise
        except TimeoutError as error:
            raise ConnectFailed(f"no welcome within {WELCOME_SECONDS:g} s {self.hint}") from error

    async def close(self) -> None:
        """Nothing here outlives a session."""

    def _hello(self, slots: int, websockets: bool) -> pb.Hello:
        identity = self._identity
        python = f"{platform.python_implementation()} {platform.python_version()}; {sys.platform}"
        return pb.Hello(
            worker_id=identity.worker_id,
            service=identity.service,
            version=identity.version,
            minor_min=MINOR,
            minor_max=MINOR,
            features=["websocket"] if websockets else [],
            capacity=pb.Capacity(max_in_flight=slots),
            routes=[
                pb.Route(host=route.host, path=route.path, methods=route.methods)
                for route in identity.routes
            ],
            limits=OURS,
            tier=identity.tier,
            sdk=f"prack-worker/{VERSION} ({python})",
        )


async def _greet(carrier: Carrier, hello: pb.Hello) -> pb.GatewayFrame:
    await carrier.write(pb.WorkerFrame(hello=hello).SerializeToString())
    frame = await carrier.read()
    if frame is None:
        raise ConnectFailed("the gateway ended the stream before its welcome")
    if frame.HasField("error"):
        kind = ConnectFailed if frame.error.retry else GatewayRefused
        raise kind(ending_of(frame.error).message)
    if not frame.HasField("welcome"):
        raise ConnectFailed("the first frame of the gateway is not a welcome")
    return frame
