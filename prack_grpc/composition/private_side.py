"""The private side: the broker, the ports of workers, and the admin port."""

import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from prack_grpc.admin import Admin, Told, admin_port
from prack_grpc.broker.seam import Broker, OperatorSide, PublicSide
from prack_grpc.composition.links import linked
from prack_grpc.composition.parts import Parts
from prack_grpc.composition.running import Running
from prack_grpc.core.limits import Limits
from prack_grpc.core.rates import RateLimits, parse
from prack_grpc.dashboard.addresses import Addresses
from prack_grpc.gateway.app import Endpoint
from prack_grpc.gateway.http.admission import Admission, within
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.gateway.request.rates import ClientRates
from prack_grpc.handover.sharing import Sharing
from prack_grpc.listener import (
    LAST_SECONDS,
    Listener,
    bind,
    free,
    grpc_places,
    listen,
    url,
    worker_places,
)
from prack_grpc.private.health import health_pages
from prack_grpc.private.late import LateApp
from prack_grpc.private.operators.steering import Steering, meshed
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.switching import API, STREAM_PATH, TOKEN, StreamEndpoint
from prack_grpc.settings.loading import flag
from prack_grpc.state import file as state
from prack_grpc.stream.grpc.port import GrpcPort
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry import tracing
from prack_grpc.words.table import Table
from prack_wire import private

if TYPE_CHECKING:
    from prack_grpc.private.operators.operating import Operating
    from prack_grpc.rest.app import WorkerApp
    from prack_grpc.telemetry.spans import Spans

log = logging.getLogger(__name__)

# Of workers there is a limit elsewhere. They keep a connection longer than they are busy, as their
# answer must not meet one that is closed, and the REST API says how slowly a body may come.
WORKER_LIMITS = ConnectionLimits(
    connections=20_000, keep_alive_seconds=120.0, body_seconds=120.0, body_rate=0
)


class PrivateSide:
    """All of a gateway but its public port."""

    def __init__(self, parts: Parts, make_broker: Callable[[Limits], Broker]) -> None:
        self._parts = parts
        self._make_broker = make_broker

    @asynccontextmanager
    async def up(self, public_port: int) -> AsyncIterator[Running]:
        """The private side up inside, down outside. Raises AddressInUse."""
        settings, limits = self._parts.settings, self._parts.settings.limits()
        broker = self._make_broker(limits)
        streams = Streams(broker, limits, settings.max_silence)
        steering = self._steering(broker, limits)
        self._keep(steering)
        polls = Polls(broker, limits)
        workers = self._workers(polls, broker, streams, steering)
        admits = within(settings.worker_networks, flag("worker_networks"))
        make = partial(listen, settings.api_host, settings.api_port, "api_port")
        expel = broker.expel, streams.expel, polls.expel
        with (
            self._parts.sockets.take("rest", make) as sock,
            self._parts.callers.kept(streams.renew, *expel),
        ):
            await self._parts.callers.ready()
            # From here on workers can dial, and wait: loading gRPC takes longest.
            stream = self._grpc_port(streams, admits)
            grpc_port = await self._bind(stream, steering)
            api_host, api_port = sock.getsockname()[:2]
            rest = self._rest(workers, streams, sock, admits)
            sharing = await self._sharing(broker)
            await rest.start()
            await stream.start()
            addresses = self._announced(public_port, api_host, api_port, grpc_port)
            spans = tracing.spans(os.environ)
            endpoint = self._endpoint(broker, limits, spans)
            operating = partial(self._operating, broker, steering, polls)
            told = self._told(broker, endpoint, addresses, operating, stream)
            try:
                async with self._admin(told) as admin:
                    sides = broker, steering, endpoint, polls, workers, rest, stream, admin, sharing
                    running = Running(*sides, api_port, grpc_port)
                    async with (
                        linked(self._parts, running, streams),
                        self._parts.deferring.running(broker),
                    ):
                        yield running
            finally:
                broker.shut_down()
                polls.end_all()
                await stream.stop(LAST_SECONDS)
                rest.leave("rest" in self._parts.sockets.kept)
                await rest.stop()
                if spans:
                    await spans.stop()

    def _steering(self, broker: OperatorSide, limits: Limits) -> Steering:
        words = self._parts.nats.words
        if words is None:
            return meshed(broker, self._parts.cluster, limits.max_paused)
        return Steering(broker, Table(limits.max_paused), words)

    def _admin(self, told: Told) -> AbstractAsyncContextManager[Admin]:
        parts = self._parts
        return admin_port(parts.settings, parts.sockets, parts.callers.admin, told, parts.api_tls)

    def _rest(
        self,
        workers: LateApp,
        streams: Streams,
        sock: socket.socket,
        admits: Callable[[str], bool] | None,
    ) -> Listener:
        """What listens on the REST port, to streams as well."""
        places = worker_places(WORKER_LIMITS.connections, self._parts.limits.connections)
        limits = replace(WORKER_LIMITS, connections=places)
        admission = Admission(limits, lambda _: True, admits)
        server = HttpServer(workers, limits, admission, upgrade=TOKEN)
        workers.on_made = server.become
        # A stream keeps its place until its worker has said who it is.
        return Listener(server, sock, lambda: places - streams.greeting, self._parts.api_tls)

    async def _sharing(self, broker: Broker) -> Sharing:
        """What shares the slots of workers: first with the gateway that we replace."""
        sharing = Sharing(broker.overlap)
        if self._parts.predecessor:
            await sharing.follow(self._parts.predecessor)
        return sharing

    def _grpc_port(self, streams: Streams, admits: Callable[[str], bool] | None) -> GrpcPort:
        settings, tls = self._parts.settings, self._parts.api_tls
        if not settings.grpc:
            return GrpcPort(streams, None)
        from prack_grpc.stream.grpc.server import StreamServer

        most = grpc_places(WORKER_LIMITS.connections)
        secure = (lambda: tls.loaded.http2) if tls else None
        callers = self._parts.callers.workers
        shared = self._parts.parent is not None
        reflects = settings.reflection
        server = StreamServer(streams, callers, reflects, most, admits, secure, shared)
        return GrpcPort(streams, server)

    def _announced(self, public: int, api_host: str, api: int, grpc: int) -> Addresses:
        """Log where the private ports are, for people and for whoever starts this."""
        tls = self._parts.api_tls
        log.info("REST worker API on %s", url(api_host, api, "http", tls))
        log.info("  documentation on %s/docs", url(api_host, api, "http", tls))
        if grpc:
            host = self._parts.settings.grpc_host
            log.info("gRPC worker API on %s", url(host, grpc, "grpc", tls))
        return Addresses(
            url(self._parts.settings.host, public, "http", self._parts.tls),
            url(api_host, api, "http", tls),
            url(api_host, api, "prack", tls),
        )

    def _endpoint(self, broker: PublicSide, limits: Limits, spans: "Spans | None") -> Endpoint:
        settings = self._parts.settings
        if spans:
            self._parts.access.tracer = spans
        follow = spans.begin if spans else None
        own = self._parts.cluster.own
        forwarding = Forwarding(settings.trusted_proxies, settings.priority, follow, own)
        admit = None
        if settings.rate_limit:
            parts = {
                route: rate.divided(settings.processes)
                for route, rate in parse(settings.rate_limit).items()
            }
            rates = RateLimits(parts, limits.rated_clients)
            admit = ClientRates(rates).ask
        timing = settings.server_timing
        most = settings.max_body
        deferral = self._parts.deferring.deferral
        return Endpoint(
            broker, forwarding, self._parts.access, limits, most, timing, admit, deferral
        )

    def _workers(
        self, polls: Polls, broker: Broker, streams: Streams, steering: Steering
    ) -> LateApp:
        settings = self._parts.settings
        if settings.token_file and private.is_open_to_others(settings.token_file):
            log.warning(private.REMEDY, settings.token_file, extra={"action": "token_exposed"})
        endpoints = health_pages(self._parts.health)
        endpoints["GET", f"{API}/{STREAM_PATH}"] = StreamEndpoint(streams.carrier)
        make = partial(self._worker_app, polls, broker, streams, steering)
        return LateApp(self._parts.callers.workers, endpoints, make)

    def _worker_app(
        self, polls: Polls, broker: Broker, streams: Streams, steering: Steering
    ) -> "WorkerApp":
        # Workers with a stream need no more of it (decision 0061).
        from prack_grpc.rest.app import create_app

        return create_app(
            polls,
            broker,
            self._parts.settings.limits(),
            self._parts.callers.workers,
            self._parts.health,
            steering,
            self._parts.cluster,
            self._parts.predecessor,
            carrier=streams.carrier,
            store=self._parts.deferring.store,
        )

    def _operating(self, broker: OperatorSide, steering: Steering, polls: Polls) -> "Operating":
        # Nobody operates a gateway at rest (decision 0061).
        from prack_grpc.private.operators.operating import Operating

        return Operating(broker, self._parts.cluster, steering, polls.end)

    def _told(
        self,
        broker: OperatorSide,
        endpoint: Endpoint,
        addresses: Addresses,
        operating: Callable[[], "Operating"],
        stream: GrpcPort,
    ) -> Told:
        return Told(
            broker,
            self._parts.health,
            self._parts.books,
            addresses,
            lambda: (self._parts.admission.connections, endpoint.websockets),
            operating,
            stream.report,
            self._parts.predecessor is not None,
            partial(
                self._parts.certification.now,
                {"public": self._parts.tls, "private": self._parts.api_tls},
            ),
            self._parts.cluster,
            self._parts.deferring.counts,
        )

    def _keep(self, steering: Steering) -> None:
        """Restore what was kept in the state file, and keep what changes. Raises BadState.

        Of several processes the first one writes it.
        """
        if path := self._parts.settings.state_file:
            state.load(steering, path)
            if self._parts.first:
                steering.changed.append(partial(state.keep, steering, path))

    async def _bind(self, stream: GrpcPort, steering: Steering) -> int:
        """Listen for gRPC; a predecessor must have given up its port first."""
        host, port = self._parts.settings.grpc_host, self._parts.settings.grpc_port
        if self._parts.predecessor:
            if told := await self._parts.predecessor.released():
                state.restore(steering, told)
            both = self._parts.settings.grpc and self._parts.predecessor.grpc_port
            if self._parts.parent is None and both:
                port = await free(host, self._parts.predecessor.grpc_port)
        return bind(stream, host, port)
