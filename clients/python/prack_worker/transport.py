"""The seam between a worker and the way it reaches its gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from prack_worker.exchange import Exchange

Accept = Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Identity:
    """How a worker introduces itself when it connects.

    Attributes:
        worker_id: unique for each process start; 1 to 128 visible ASCII characters.
        service: what it runs; used for canaries, drain status and metrics labels.
        version: the build of what it runs.
        routes: what it serves; empty: every request.
        tier: 0 to 9; it gets work only while no worker of a lower tier has a free slot.
    """

    worker_id: str
    service: str = ""
    version: str = ""
    routes: tuple[Route, ...] = ()
    tier: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """A host, a path prefix and methods; empty stands for any."""

    host: str = ""
    path: str = ""
    methods: tuple[str, ...] = ()

    def __str__(self) -> str:
        methods = ",".join(self.methods)
        return f"{methods} {self.host or '*'}{self.path or '/'}".strip()


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ended or must end.

    Attributes:
        message: for the log.
        lost: the session is of no more use; otherwise the gateway stops in order.
        retry: dialling again may succeed.
        retry_after: seconds to wait at least; the back-off comes on top, so that not all come at
            once.
    """

    message: str
    lost: bool = True
    retry: bool = True
    retry_after: float = 0.0


class Session(Protocol):
    """One connection in use: it calls `accept` for every request it is handed.

    Attributes:
        ended: done when the session broke, or the gateway stops: then it is time to dial again,
            while this session may still bring requests.
        lost: set when the session is of no more use.
    """

    ended: asyncio.Future[Ending]
    lost: asyncio.Event

    def resize(self, slots: int, websocket_slots: int) -> None:
        """Hold at most so many exchanges from now on; see `Transport.connect`."""

    def pause(self, paused: bool) -> None:
        """Have the gateway hand out nothing here, until this is called with False."""

    async def dismissed(self) -> None:
        """Return once a gateway that stops brings nothing more, or the session is lost."""

    async def drain(self) -> None:
        """Return once nothing more can be assigned, or the session has ended."""

    async def close(self) -> None:
        """Send what is queued, then leave. Never raises; takes a few seconds at most."""


class Transport(Protocol):
    """A way to reach one gateway.

    Attributes:
        address: the gateway's, for the log.
        counts_held: each session counts what older ones have brought among its slots.

    One that `connect` may have dial several times has a method `leave`, too: no dial is begun after
    it, and the one that is under way goes on.
    """

    address: str
    counts_held: bool

    async def connect(
        self,
        accept: Accept,
        slots: int,
        *,
        websockets: bool = False,
        tunnels: bool = False,
        websocket_slots: int = 0,
    ) -> Session:
        """Dial the gateway; with `websockets` the application takes them, with `tunnels` as bytes.

        They take `websocket_slots`, beside the others; if that is 0, they take the others.

        Raises:
            ConnectFailed: not now; another attempt may succeed.
            GatewayRefused: another attempt will fail again.
        """

    async def close(self) -> None:
        """Leave for good, after what outlives a session was delivered. Takes seconds at most."""
