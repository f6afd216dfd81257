"""The composition root: what is built from what, and the order of start and stop."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.app import PublicApp, State
from prack_grpc.gateway.endpoint import Endpoint
from prack_grpc.gateway.forwarding import Forwarding
from prack_grpc.gateway.guard import guard
from prack_grpc.gateway.limits import GuardLimits
from prack_grpc.rest.app import create_app
from prack_grpc.settings import Settings, flag
from prack_grpc.stream.server import StreamServer
from prack_grpc.stream.service import WorkerService
from prack_grpc.telemetry import logs
from prack_grpc.telemetry.access import AccessLog

log = logging.getLogger(__name__)

BACKLOG = 2048
# What was imported lives as long as the process: collections need not look at it, and with
# thousands of exchanges open they need not come every 700 objects.
GC_THRESHOLDS = 10_000, 20, 50
# gRPC's own thread wakes the loop for every frame, and would wait 5 ms for its turn.
SWITCH_SECONDS = 0.0005
# After the grace period: for answers that are on their way, and for streams to close.
LAST_SECONDS = 1.0


class AddressInUse(Exception):
    """A listener could not be opened; says which, and the flag that moves it."""


class Listener(uvicorn.Server):
    """uvicorn's server without its signal handlers and its polling loop."""

    def __init__(self, app: FastAPI, sock: socket.socket, **options: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                access_log=False,
                log_config=None,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                backlog=BACKLOG,
                **options,
            )
        )
        self._sock = sock

    async def start(self, state: State | None = None) -> None:
        """Accept connections; `state` is what a lifespan would have given to each request."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        self.lifespan.state.update(state or {})
        await self.startup(sockets=[self._sock])

    def close(self) -> None:
        """Accept no more connections, and end those that are between two requests."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            # A WebSocket ends with its exchange, which says why.
            if not isinstance(connection, WebSocketsSansIOProtocol):
                connection.shutdown()

    async def stop(self) -> None:
        """Let what is on its way arrive, then end what is left."""
        self.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LAST_SECONDS
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=LAST_SECONDS)
        if self.server_state.tasks:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.wait(self.server_state.tasks, timeout=LAST_SECONDS)
        for task in self.server_state.tasks:
            task.cancel()
        # uvicorn has no event for a connection's end.
        while self.server_state.connections and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Running:
    """The parts of a gateway that is up, and the private ports that it got."""

    broker: MemoryBroker
    endpoint: Endpoint
    api_port: int
    grpc_port: int


class Service:
    """One gateway: the broker, the private ports, and the public one."""

    def __init__(self, settings: Settings, guard_limits: GuardLimits | None = None) -> None:
        self.settings = settings
        self._http: Any = (
            guard(guard_limits or GuardLimits()) if settings.parser != "h11" else "h11"
        )
        self._draining = False

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT. Raises AddressInUse."""
        stop = _stop_signal()
        async with self.listening():
            name = await stop.wait()
            log.info("%s: finishing what is held", name, extra={"action": "drain"})
        log.info("stopped", extra={"action": "stopped"})

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[tuple[Running, int]]:
        """All ports up inside; yields the private side and the public port.

        On the way out nothing new is accepted, and what is held is finished within the grace
        period. Raises AddressInUse, with no port left open.
        """
        settings = self.settings
        with listen(settings.host, settings.port, "port") as sock:
            async with self.running() as running:
                public = Listener(
                    PublicApp(self.lifespan),
                    sock,
                    http=self._http,
                    ws="websockets-sansio",
                    # It counts compressed bytes, and those of noise grow a little.
                    ws_max_size=settings.websocket_message * 65 // 64 + KIB,
                )
                await public.start(State(endpoint=running.endpoint))
                port = sock.getsockname()[1]
                log.info("Public port on %s", url(settings.host, port))
                try:
                    yield running, port
                finally:
                    public.close()
                    await self._drain(running.broker)
                    await public.stop()

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[State]:
        """The private side, for a public app that somebody else serves."""
        logs.configure(self.settings.log_format, self.settings.log_level)
        async with self.running() as running:
            yield State(endpoint=running.endpoint)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        """The private side up inside, down outside. Raises AddressInUse."""
        settings, limits = self.settings, self.settings.limits()
        broker = MemoryBroker(limits)
        service = WorkerService(broker, limits)
        rest_app = create_app(broker, limits, settings.token, lambda: not self._draining)
        stream = StreamServer(service, settings.token, settings.reflection)
        with listen(settings.api_host, settings.api_port, "api_port") as sock:
            grpc_port = _bind(stream, settings)
            api_port = sock.getsockname()[1]
            # Longer than a worker is busy: its answer must not meet a closing connection.
            rest = Listener(rest_app, sock, ws="none", timeout_keep_alive=120)
            await rest.start()
            await stream.start()
            _announce(settings, api_port, grpc_port)
            endpoint = Endpoint(
                broker,
                Forwarding(settings.trusted_proxies),
                AccessLog(settings.access_log),
                limits.websocket_message,
                settings.max_body,
            )
            try:
                yield Running(broker, endpoint, api_port, grpc_port)
            finally:
                broker.shut_down()
                rest_app.polls.end_all()
                await stream.drain()
                await stream.stop(LAST_SECONDS)
                await rest.stop()

    async def _drain(self, broker: MemoryBroker) -> None:
        self._draining = True
        broker.begin_drain()
        await broker.idle(self.settings.grace)
        broker.shut_down()


def _announce(settings: Settings, api_port: int, grpc_port: int) -> None:
    log.info("REST worker API on %s", url(settings.api_host, api_port))
    log.info("  its documentation on %s/docs", url(settings.api_host, api_port))
    log.info("gRPC worker API on %s", url(settings.grpc_host, grpc_port, "grpc"))


class _Stop:
    """The first signal asks, the second insists."""

    def __init__(self) -> None:
        self._name: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def __call__(self, number: signal.Signals) -> None:
        if self._name.done():
            logging.shutdown()
            os._exit(128 + number)
        self._name.set_result(number.name)

    async def wait(self) -> str:
        return await self._name


def _stop_signal() -> _Stop:
    stop, loop = _Stop(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    # A terminal that closes, or a habit from servers that reload: neither must kill the gateway.
    loop.add_signal_handler(signal.SIGHUP, log.info, "SIGHUP: there is nothing to reload")
    return stop


def listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket. Raises AddressInUse naming the flag of `setting`, or of its host."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        # Python repeats the address in some of these texts.
        reason = (error.strerror or str(error)).partition(" (while")[0]
        # A name that is unknown, or an address of another machine, is no matter of the port.
        of_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        name = setting if of_port else setting.replace("port", "host")
        raise AddressInUse(
            f"cannot listen on {url(host, port, '')}: {reason}; {flag(name)} chooses another"
        ) from None


def _bind(stream: StreamServer, settings: Settings) -> int:
    host, port = settings.grpc_host, settings.grpc_port
    try:
        return stream.bind(host, port)
    except RuntimeError as error:
        listen(host, port, "grpc_port").close()  # a socket says why, gRPC does not
        raise AddressInUse(f"cannot listen on {url(host, port, '')}: {error}") from None


def url(host: str, port: int, scheme: str = "http") -> str:
    """An address as people write it."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{scheme}://{address}" if scheme else address


def run(settings: Settings) -> int:
    """Run the gateway of these settings until it is told to stop. Raises AddressInUse."""
    logs.configure(settings.log_format, settings.log_level)
    logs.announce_alone()
    _tune()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Service(settings).serve())
    return 0


def _tune() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
