"""Opens streams of frames, over any carrier (proto/README.md, section 2)."""

from __future__ import annotations

import asyncio
import platform
import secrets
import sys
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_wire import heap
from prack_wire.tls import BadFiles, Tls
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.loops.link import link
from prack_worker.loops.pulse import Pulse
from prack_worker.stream.carrier import Carrier, Line
from prack_worker.stream.relay import Relay
from prack_worker.stream.session import PAUSE, StreamSession, ending_of
from prack_worker.stream.windows import OURS
from prack_worker.transport import Accept, Identity
from prack_worker.version import VERSION

MINOR = 1
WELCOME_SECONDS = 10.0
MAX_SILENCE = 15.0  # of a gateway that does not say what it has
WRONG_TOKEN = "the gateway rejects this token: check PRACK_TOKEN or --token-file"  # noqa: S105
NOBODY = "(is `prack serve` running there?)"


class StreamTransport:
    """One gateway at `address`, "host:port".

    Args:
        token: asked before each dial, in the link's thread, so that a token may be replaced while
            the worker runs; it may raise ConnectFailed.
        max_silence: seconds without a word from the gateway until it is given up; 0 takes what the
            gateway itself has.
        tls: how to speak TLS; its files are read at each dial.
    """

    counts_held = False
    # For whoever dialled another port than the one that this carrier is for.
    hint = ""

    def __init__(
        self,
        address: str,
        identity: Identity,
        token: Callable[[], str | None] = lambda: None,
        max_silence: float = 0.0,
        tls: Tls | None = None,
    ) -> None:
        self.address = address
        self._tls = tls
        self._identity = identity
        self._token = token
        self._instance = secrets.token_bytes(16)
        self._max_silence = max_silence
        heap.keep()

    async def _dial(self, token: str | None) -> Carrier:
        """A stream without a hello. Raises ConnectFailed."""
        raise NotImplementedError

    async def connect(
        self,
        accept: Accept,
        slots: int,
        *,
        websockets: bool = False,
        tunnels: bool = False,
        websocket_slots: int = 0,
    ) -> StreamSession:
        """See `Transport.connect`."""
        capacity = pb.Capacity(max_in_flight=slots, max_websockets=websocket_slots)
        features = [PAUSE, *["websocket"] * websockets, *["tunnel"] * tunnels]
        away = link()
        dialled: list[Carrier] = []
        try:
            first = await away.do(self._open(dialled, self._hello(capacity, features)))
            pulse = self._pulse(first.welcome, capacity)
            return StreamSession(await self._line(dialled[0], pulse), first, accept)
        except BaseException:  # a cancellation may come together with the answer
            for carrier in dialled:
                await away.clean_up(carrier.close())
            raise

    def _pulse(self, welcome: pb.Welcome, capacity: pb.Capacity) -> Pulse:
        max_silence = self._max_silence or welcome.dead_after_ms / 1000 or MAX_SILENCE
        beat = welcome.heartbeat_ms / 1000 or MAX_SILENCE / 3
        return Pulse(link(), capacity, beat, max_silence)

    async def _line(self, carrier: Carrier, pulse: Pulse) -> Line:
        """How the application's loop uses a carrier, after the welcome."""
        return Relay(carrier, pulse)

    async def _open(self, dialled: list[Carrier], hello: pb.Hello) -> pb.GatewayFrame:
        """In the link's thread: the gateway's welcome, on a new connection."""
        token = self._token()
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                dialled.append(await self._dial(token))
                return await _greet(dialled[0], hello)
        except BadFiles as error:
            raise ConnectFailed(str(error)) from error
        except TimeoutError as error:
            raise ConnectFailed(f"no welcome within {WELCOME_SECONDS:g} s {self.hint}") from error

    async def close(self) -> None:
        """Nothing here outlives a session."""

    def _hello(self, capacity: pb.Capacity, features: list[str]) -> pb.Hello:
        identity = self._identity
        python = f"{platform.python_implementation()} {platform.python_version()}; {sys.platform}"
        return pb.Hello(
            worker_id=identity.worker_id,
            service=identity.service,
            version=identity.version,
            minor_min=MINOR,
            minor_max=MINOR,
            features=features,
            capacity=capacity,
            routes=[
                pb.Route(host=route.host, path=route.path, methods=route.methods)
                for route in identity.routes
            ],
            limits=OURS,
            tier=identity.tier,
            instance=self._instance,
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
