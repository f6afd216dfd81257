"""One gateway: the order of its start and stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import Broker
from prack_grpc.bus.link import Meeting
from prack_grpc.composition.parts import Parts
from prack_grpc.composition.private_side import PrivateSide
from prack_grpc.composition.running import Running
from prack_grpc.composition.upgrade import Upgrade
from prack_grpc.core.limits import Limits
from prack_grpc.gateway.app import PublicApp, State
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.handover import control, systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import Listener, listen, url
from prack_grpc.processes.parent import Parent
from prack_grpc.redirects import redirecting
from prack_grpc.settings.settings import Settings
from prack_grpc.signals import Stop, stop_signal
from prack_grpc.telemetry import logs
from prack_grpc.tls.reloading import reloading

log = logging.getLogger(__name__)


class Service:
    """One gateway: the broker, the private ports, and the public one.

    `meetings` makes what finds other gateways, given the id of this one; without any it is alone.
    """

    def __init__(
        self,
        settings: Settings,
        limits: ConnectionLimits | None = None,
        sockets: Sockets | None = None,
        predecessor: Predecessor | None = None,
        make_broker: Callable[[Limits], Broker] | None = None,
        meetings: Callable[[str], Sequence[Meeting]] = lambda _: (),
        parent: Parent | None = None,
    ) -> None:
        self._parts = parts = Parts(settings, limits, sockets, predecessor, meetings, parent)
        self.settings = parts.settings
        self.gateway_id = parts.cluster.own
        self._private = PrivateSide(parts, make_broker or _broker(bool(parts.meetings)))
        self._upgrade = Upgrade(parts)
        self.http = parts.http(PublicApp())
        self._why = "closed"
        if parts.meetings:
            logs.label(parts.cluster.mark)

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT, or until a successor does. Raises AddressInUse."""
        stop = stop_signal([*self._parts.reloads])
        async with self.listening() as (running, _), reloading(self._parts.certificates):
            async with self._commanded(running, stop):
                if self._parts.predecessor:
                    await self._parts.predecessor.relieve()
                else:
                    systemd.notify("READY=1")
                if self._parts.parent:
                    self._parts.parent.ready()
                self._why = await stop.wait()
            if not self._upgrade.successor:
                systemd.notify("STOPPING=1")
        log.info("stopped", extra={"action": "stopped"})

    def _commanded(self, running: Running, stop: Stop) -> AbstractAsyncContextManager[None]:
        """Whoever may have this gateway replaced is heard inside."""
        upgrade = partial(self._upgrade.upgrade, running, stop)
        if self._parts.parent:
            return self._parts.parent.heard(upgrade, stop, running.connected)
        sock = control.take(self._parts.sockets, self.settings.api_host, running.api_port)
        return control.serving(sock, upgrade)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[Running, int]]:
        """All ports up inside; yields the private side and the public port.

        On the way out nothing new is accepted, and what is held is finished within the grace
        period. Raises AddressInUse, with no port left open.
        """
        settings = self.settings
        make = partial(listen, settings.host, settings.port, "port")
        with self._parts.sockets.take("public", make) as sock:
            async with self._private.up(sock.getsockname()[1]) as running:
                proofs = self._parts.certification.proofs
                public = Listener(
                    self.http, sock, None, self._parts.tls, self._parts.proxies(), proofs
                )
                self.http.admission.on_shortage = public.pause
                self.http.state["endpoint"] = running.endpoint
                await public.start()
                self._parts.health.started = True
                host, port = sock.getsockname()[:2]
                log.info("Public port on %s", url(host, port, "http", self._parts.tls))
                args = (
                    settings,
                    self._parts.sockets,
                    self.http,
                    port,
                    self._parts.certification.answers,
                )
                async with redirecting(*args, lambda: self._upgrade.successor is not None):
                    try:
                        async with self._parts.certification.kept(
                            self._parts.tls, self._parts.predecessor
                        ):
                            yield running, port
                    finally:
                        await self._drain(running, public)
                        await public.stop()

    @asynccontextmanager
    async def lifespan(self, _: object) -> AsyncIterator[State]:
        """The private side, for a public app that somebody else serves."""
        logs.configure(self.settings.log_format, self.settings.log_level)
        port = self.settings.port
        async with self._private.up(port) as running, reloading(self._parts.certificates):
            self._parts.health.started = True
            yield State(endpoint=running.endpoint)

    # ------------------------------------------------------------ the end

    async def _drain(self, running: Running, public: Listener) -> None:
        """Finish what is held, within the grace period: with a successor also what still comes."""
        public.leave(self._upgrade.successor is not None or "public" in self._parts.sockets.kept)
        log.info(
            "%s: stopping after the requests in progress, within %g s",
            self._why,
            self.settings.grace,
            extra={"action": "drain"},
        )
        self._parts.deferring.leave()
        quiet: list[Coroutine[Any, Any, object]] = [public.quiet(), self._parts.deferring.quiet()]
        if self._parts.predecessor:
            quiet.append(self._parts.predecessor.gone.wait())  # its workers reach it through us
        if self._upgrade.successor:
            self._upgrade.leave_workers(running, self._upgrade.successor)
            quiet.append(running.rest.quiet())
        else:
            self._parts.health.draining = True
            running.broker.begin_drain()
            running.stream.release()
        await running.stream.send_away()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.grace):
                await asyncio.gather(*quiet)
                await running.broker.idle(self.settings.grace)
        running.broker.shut_down()
        await running.sharing.end()
        running.endpoint.stop()


def _broker(linked: bool) -> Callable[[Limits], Broker]:
    if not linked:
        return MemoryBroker
    # Most gateways are alone (decision 0061).
    from prack_grpc.broker.linked import LinkedBroker

    return LinkedBroker
