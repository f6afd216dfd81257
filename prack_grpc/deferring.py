"""Requests that outlive their clients, as a part of a gateway: what its settings make of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prack_grpc.broker.seam import PublicSide
from prack_grpc.core.deferred.counts import Counts
from prack_grpc.core.deferred.rules import Policy
from prack_grpc.deferred.calls import Calls
from prack_grpc.deferred.destinations import Destinations
from prack_grpc.deferred.inbox import Inbox
from prack_grpc.deferred.runner import Runner
from prack_grpc.deferred.signature import secret_of
from prack_grpc.deferred.store import Store
from prack_grpc.gateway.request.deferral import Deferral
from prack_grpc.settings.deferred import routes
from prack_grpc.settings.settings import Settings

if TYPE_CHECKING:
    from prack_grpc.bus.nats.bus import Bus


class Deferring:
    """Without --async-store there is no `deferral` and no `store`, and nothing to run."""

    def __init__(self, settings: Settings, bus: "Bus | None", own: str) -> None:
        """`own` is the id of this gateway. Raises BadStore."""
        self._settings = settings
        self._destinations = Destinations(settings.callback_hosts)
        self._runner: Runner | None = None
        self.store: Store | None = None
        self.deferral: Deferral | None = None
        if settings.async_store is not None:
            if settings.in_jetstream and bus is not None:
                self.store = _in_jetstream(settings, bus, own)
            else:
                self.store = _in_file(settings.async_store, settings.async_size)
            declared = routes(settings.async_route or "")
            inbox = Inbox(self.store, declared, self._destinations, self._came)
            self.deferral = Deferral(inbox)

    @asynccontextmanager
    async def running(self, broker: PublicSide) -> AsyncIterator[None]:
        """What is kept is tried inside. On the way out what is not over stays in the store."""
        if self.store is None:
            yield
            return
        settings = self._settings
        # Without a secret there are no destinations.
        secret = secret_of(settings.callback_secret) if settings.callback_secret else b""
        calls = Calls(self._destinations, secret)
        policy = Policy(settings.async_attempts, settings.async_age)
        self._runner = Runner(self.store, broker, calls, policy, settings.async_keep)
        try:
            async with self._runner.running():
                yield
        finally:
            await self.store.close()

    def leave(self) -> None:
        """Try nothing more; what workers have, and those that are called, goes on."""
        if self._runner is not None:
            self._runner.leave()

    async def quiet(self) -> None:
        """After `leave`: wait for what goes on."""
        if self._runner is not None:
            await self._runner.quiet()

    def counts(self) -> Counts | None:
        """How much is kept; None without a store."""
        return self._runner.counts if self._runner is not None else None

    def _came(self) -> None:
        if self._runner is not None:
            self._runner.wake()


def _in_file(path: Path, most: int) -> Store:
    # Most gateways keep nothing (decision 0048).
    from prack_grpc.deferred.sqlite import SqliteStore

    return SqliteStore(path, most)


def _in_jetstream(settings: Settings, bus: "Bus", own: str) -> Store:
    # It takes the extra `nats`.
    from prack_grpc.deferred.jetstream.store import JetStreamStore

    return JetStreamStore(bus, settings.cluster or "", own, settings.async_size)
