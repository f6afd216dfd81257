"""The composition root: what is built from what, and the order of start and stop."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from prack_grpc import state
from prack_grpc.access import Access
from prack_grpc.acme.certification import Certification
from prack_grpc.admin import Admin, Told, admin_port
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import Broker, OperatorSide, PublicSide
from prack_grpc.core.limits import KIB, BookLimits, Limits
from prack_grpc.core.rates import RateLimits, parse
from prack_grpc.dashboard.overview import Addresses
from prack_grpc.gateway.app import Endpoint, PublicApp, State
from prack_grpc.gateway.http.admission import Admission, within
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.proxy_protocol import Proxies
from prack_grpc.gateway.request.addresses import trusting
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.gateway.request.rates import ClientRates
from prack_grpc.gateway.secure import StrictResponse
from prack_grpc.gateway.websocket.connection import settings as websocket_settings
from prack_grpc.handover import control, systemd
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.handover.sockets import Sockets
from prack_grpc.handover.successor import Successor, UpgradeFailed
from prack_grpc.listener import (
    LAST_SECONDS,
    AddressInUse,
    Listener,
    bind,
    free,
    grpc_places,
    listen,
    url,
    worker_places,
)
from prack_grpc.private.health import Health
from prack_grpc.private.operating import Operating
from prack_grpc.redirects import redirecting
from prack_grpc.rest.app import WorkerApp, create_app
from prack_grpc.rest.switching import TOKEN
from prack_grpc.settings import Settings, flag
from prack_grpc.signals import Stop, stop_signal
from prack_grpc.stream.credentials import credentials
from prack_grpc.stream.grpc_server import StreamServer
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry import logs, tracing
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.telemetry.books.books import Books
from prack_grpc.tls.certificates import Certificates, names_of
from prack_grpc.tls.reloading import reloading
from prack_wire import private

if TYPE_CHECKING:
    from prack_grpc.telemetry.spans import Spans

log = logging.getLogger(__name__)

# Of workers there is a limit elsewhere. They keep a connection longer than they are busy, as their
# answer must not meet one that is closed, and the REST API says how slowly a body may come.
WORKER_LIMITS = ConnectionLimits(
    connections=20_000, keep_alive_seconds=120.0, body_seconds=120.0, body_rate=0
)


@dataclass(frozen=True, slots=True)
class Running:
    """The parts of a gateway that is up, and the ports of the worker API that it got."""

    broker: Broker
    endpoint: Endpoint
    workers: WorkerApp
    rest: Listener
    stream: StreamServer
    admin: Admin
    api_port: int
    grpc_port: int


class Service:
    """One gateway: the broker, the private ports, and the public one."""

    def __init__(
        self,
        settings: Settings,
        limits: ConnectionLimits | None = None,
        sockets: Sockets | None = None,
        predecessor: Predecessor | None = None,
        make_broker: Callable[[Limits], Broker] = MemoryBroker,
    ) -> None:
        self._certification = Certification(settings)
        self.settings = settings = self._certification.settings
        self._make_broker = make_broker
        self._tls = Certificates(settings, "tls") if settings.tls_cert else None
        self._api_tls = Certificates(settings, "api_tls") if settings.api_tls_cert else None
        self._certificates = [one for one in (self._tls, self._api_tls) if one]
        self.app = PublicApp(self.lifespan)
        limits = limits or settings.connection_limits()
        self._exempt = trusting(settings.trusted_proxies)
        admission = Admission(limits, self._exempt)
        # It counts compressed bytes, and those of noise grow a little.
        websockets = websocket_settings(self.app, settings.websocket_message * 65 // 64 + KIB)
        self._books = Books(BookLimits(), time.monotonic()) if settings.metrics else None
        self._access = AccessLog(settings.access_log, self._books)
        self.http = HttpServer(self.app, limits, admission, websockets, access=self._access)
        if settings.hsts is not None:
            self.http.response = partial(StrictResponse, settings.hsts)
        self._callers = Access(settings, names_of(self._api_tls))
        self._health = Health()
        self._health.certified = self._certification.reasons
        self._sockets = sockets or Sockets()
        self._predecessor = predecessor
        self._successor: Successor | None = None
        self._upgrading = asyncio.Lock()
        self._why = "closed"

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT, or until a successor does. Raises AddressInUse."""
        reloads = [one.reload for one in self._certificates]
        stop = stop_signal([*reloads, *self._callers.reloads, *self._certification.reloads])
        async with self.listening() as (running, _), reloading(self._certificates):
            sock = control.take(self._sockets, self.settings.api_host, running.api_port)
            async with control.serving(sock, partial(self._upgrade, running, stop)):
                if self._predecessor:
                    await self._predecessor.relieve()
                else:
                    systemd.notify("READY=1")
                self._why = await stop.wait()
            if not self._successor:
                systemd.notify("STOPPING=1")
        log.info("stopped", extra={"action": "stopped"})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[Running, int]]:
        """All ports up inside; yields the private side and the public port.

        On the way out nothing new is accepted, and what is held is finished within the grace
        period. Raises AddressInUse, with no port left open.
        """
        settings = self.settings
        make = partial(listen, settings.host, settings.port, "port")
        with self._sockets.take("public", make) as sock:
            async with self.running(sock.getsockname()[1]) as running:
                proofs = self._certification.proofs
                public = Listener(self.http, sock, None, self._tls, self._proxies(), proofs)
                self.http.admission.on_shortage = public.pause
                self.http.state["endpoint"] = running.endpoint
                await public.start()
                self._health.started = True
                host, port = sock.getsockname()[:2]
                log.info("Public port on %s", url(host, port, "http", self._tls))
                args = settings, self._sockets, self.http, port, self._certification.answers
                async with redirecting(*args, lambda: self._successor is not None):
                    try:
                        async with self._certification.kept(self._tls, self._predecessor):
                            yield running, port
                    finally:
                        await self._drain(running, public)
                        await public.stop()

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        """The private side, for a public app that somebody else serves."""
        logs.configure(self.settings.log_format, self.settings.log_level)
        port = self.settings.port
        async with self.running(port) as running, reloading(self._certificates):
            self._health.started = True
            yield State(endpoint=running.endpoint)

    @asynccontextmanager
    async def running(self, public_port: int) -> AsyncIterator[Running]:
        """The private side up inside, down outside. Raises AddressInUse."""
        settings, limits = self.settings, self.settings.limits()
        broker = self._make_broker(limits)
        streams = Streams(broker, limits, settings.max_silence)
        keep = self._keep(broker)
        workers = self._workers(broker, streams, keep)
        places = worker_places(WORKER_LIMITS.connections, self.http.limits.connections)
        admits = within(settings.worker_networks, flag("worker_networks"))
        stream = self._stream_server(streams, admits)
        make = partial(listen, settings.api_host, settings.api_port, "api_port")
        expel = broker.expel, streams.expel, workers.polls.expel
        with self._sockets.take("rest", make) as sock, self._callers.kept(streams.renew, *expel):
            await self._callers.ready()
            grpc_port = await self._bind(stream, broker)
            api_host, api_port = sock.getsockname()[:2]
            worker_limits = replace(WORKER_LIMITS, connections=places)
            admission = Admission(worker_limits, lambda _: True, admits)
            server = HttpServer(workers, worker_limits, admission, upgrade=TOKEN)
            # A stream keeps its place until its worker has said who it is.
            rest = Listener(server, sock, lambda: places - streams.greeting, self._api_tls)
            await rest.start()
            await stream.start()
            addresses = self._announced(public_port, api_host, api_port, grpc_port)
            spans = tracing.spans(os.environ)
            endpoint = self._endpoint(broker, limits, spans)
            operating = Operating(broker, keep, workers.polls.end)
            told = self._told(broker, endpoint, addresses, operating, stream)
            try:
                async with admin_port(
                    settings, self._sockets, self._callers.admin, told, self._api_tls
                ) as admin:
                    yield Running(
                        broker, endpoint, workers, rest, stream, admin, api_port, grpc_port
                    )
            finally:
                broker.shut_down()
                workers.polls.end_all()
                await stream.stop(LAST_SECONDS)
                rest.leave("rest" in self._sockets.kept)
                await rest.stop()
                if spans:
                    await spans.stop()

    def _stream_server(
        self, streams: Streams, admits: Callable[[str], bool] | None
    ) -> StreamServer:
        settings, tls = self.settings, self._api_tls
        most = grpc_places(WORKER_LIMITS.connections)
        shown = credentials(lambda: tls.loaded) if tls else None
        callers = self._callers.workers
        return StreamServer(streams, callers, settings.reflection, most, admits, shown)

    def _announced(self, public: int, api_host: str, api: int, grpc: int) -> Addresses:
        """Log where the private ports are, for people and for whoever starts this."""
        tls = self._api_tls
        log.info("REST worker API on %s", url(api_host, api, "http", tls))
        log.info("  documentation on %s/docs", url(api_host, api, "http", tls))
        log.info("gRPC worker API on %s", url(self.settings.grpc_host, grpc, "grpc", tls))
        return Addresses(
            url(self.settings.host, public, "http", self._tls),
            url(api_host, api, "http", tls),
            url(api_host, api, "prack", tls),
        )

    def _proxies(self) -> Proxies | None:
        return Proxies(self._exempt, self.http.limits) if self.settings.proxy_protocol else None

    def _endpoint(self, broker: PublicSide, limits: Limits, spans: "Spans | None") -> Endpoint:
        settings = self.settings
        if spans:
            self._access.tracer = spans
        follow = spans.begin if spans else None
        forwarding = Forwarding(settings.trusted_proxies, settings.priority, follow)
        admit = None
        if settings.rate_limit:
            rates = RateLimits(parse(settings.rate_limit), limits.rated_clients)
            admit = ClientRates(rates).ask
        timing = settings.server_timing
        most = settings.max_body
        return Endpoint(broker, forwarding, self._access, limits, most, timing, admit)

    def _workers(self, broker: Broker, streams: Streams, keep: Callable[[], None]) -> WorkerApp:
        settings = self.settings
        if settings.token_file and private.is_open_to_others(settings.token_file):
            log.warning(private.REMEDY, settings.token_file, extra={"action": "token_exposed"})
        return create_app(
            broker,
            settings.limits(),
            self._callers.workers,
            self._health,
            self._predecessor,
            keep,
            carrier=streams.carrier,
        )

    def _told(
        self,
        broker: OperatorSide,
        endpoint: Endpoint,
        addresses: Addresses,
        operating: Operating,
        stream: StreamServer,
    ) -> Told:
        return Told(
            broker,
            self._health,
            self._books,
            addresses,
            lambda: (self.http.admission.connections, endpoint.websockets),
            operating,
            stream.report,
            self._predecessor is not None,
        )

    def _keep(self, broker: OperatorSide) -> Callable[[], None]:
        """Restore what was kept in the state file; returns what keeps it. Raises BadState."""
        path = self.settings.state_file
        if path is None:
            return lambda: None
        state.load(broker, path)
        return partial(state.keep, broker, path)

    async def _bind(self, stream: StreamServer, broker: OperatorSide) -> int:
        """Listen for gRPC; a predecessor must have given up its port first."""
        host, port = self.settings.grpc_host, self.settings.grpc_port
        if self._predecessor:
            if told := await self._predecessor.released():
                state.restore(broker, told)
            port = await free(host, self._predecessor.grpc_port)
        return bind(stream, host, port)

    # ------------------------------------------------------------ the end

    async def _drain(self, running: Running, public: Listener) -> None:
        """Finish what is held, within the grace period: with a successor also what still comes."""
        public.leave(self._successor is not None or "public" in self._sockets.kept)
        log.info(
            "%s: stopping after the requests in progress, within %g s",
            self._why,
            self.settings.grace,
            extra={"action": "drain"},
        )
        quiet: list[Coroutine[Any, Any, object]] = [public.quiet()]
        if self._predecessor:
            quiet.append(self._predecessor.gone.wait())  # its workers reach it through us
        if self._successor:
            self._leave_workers(running, self._successor)
            quiet.append(running.rest.quiet())
        else:
            self._health.draining = True
            running.broker.begin_drain()
            running.stream.release()
        await running.stream.send_away()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.grace):
                await asyncio.gather(*quiet)
                await running.broker.idle(self.settings.grace)
        running.broker.shut_down()
        running.endpoint.stop()

    def _leave_workers(self, running: Running, successor: Successor) -> None:
        """Have REST workers call the successor, which passes on what is for us."""
        successor.lend(partial(running.rest.adopt, app=running.workers.relayed))
        running.rest.leave(True)
        running.admin.leave()
        running.workers.polls.hurry()

    async def _upgrade(self, running: Running, stop: Stop) -> str:
        """Have a successor take over; says so. Raises UpgradeFailed: then nothing has changed."""
        if self._upgrading.locked():
            raise UpgradeFailed("another upgrade is in progress; try again when it is done")
        async with self._upgrading, self._certification.ordering:
            if self._predecessor:
                await self._predecessor.gone.wait()
            systemd.notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
            try:
                self._successor = await self._replace(running)
            except UpgradeFailed as error:
                systemd.notify("READY=1")
                log.warning(
                    "upgrade failed, this gateway continues: %s",
                    error,
                    extra={"action": "upgrade_failed"},
                )
                raise
            pid = self._successor.pid
            systemd.notify(f"MAINPID={pid}", "READY=1")
            log.info("upgraded", extra={"action": "upgraded", "pid": pid})
            stop(f"process {pid} has taken over")
            return f"process {pid} has taken over; process {os.getpid()} finishes what it holds"

    async def _replace(self, running: Running) -> Successor:
        successor = await Successor.start(self._sockets, running.grpc_port)
        running.stream.release()
        try:
            await successor.take_over(state.dump(running.broker))
        except UpgradeFailed as failed:
            host = self.settings.grpc_host
            try:
                bind(running.stream, host, await free(host, running.grpc_port))
            except AddressInUse as error:
                raise UpgradeFailed(
                    f"{failed}; the gRPC port is closed until a restart: {error}"
                ) from None
            await running.stream.start()
            raise
        return successor
