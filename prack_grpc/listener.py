"""Listening sockets, and uvicorn's server around one of them.

House rules: a request that has reached us is answered; so connections that wait in the kernel are
taken before their socket is closed, and one that is to end says so in its last response or has been
idle for a while (RFC 9112 sections 9.5 and 9.6).
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from prack_grpc.gateway.app import State
from prack_grpc.gateway.http.descriptors import are_short
from prack_grpc.settings import flag

Application = Callable[..., Any]
BACKLOG = 2048
# For answers that are on their way when the grace period is over, and for streams to close.
LAST_SECONDS = 1.0
TICK_SECONDS = 0.05
# How long a connection must have been idle to be closed when we leave: 1 s, and 5 s before its
# first request, which no client sends again and whose first packet may get lost. In ticks: a loop
# that was busy must first read what has come meanwhile.
IDLE_TICKS, NEW_TICKS = 20, 100
# How often we look whether there are descriptors again.
PAUSE_SECONDS = 1.0


class AddressInUse(Exception):
    """A listener could not be opened; says which, and the flag that moves it."""


class Leaving:
    """An application each of whose responses is the last one of its connection."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if scope["type"] == "http":
            send.__self__.keep_alive = False  # type: ignore[attr-defined]
        await self._app(scope, receive, send)


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
        self._adopting: set[asyncio.Task[Any]] = set()
        self._pause: asyncio.TimerHandle | None = None

    async def start(self, state: State | None = None) -> None:
        """Accept connections; `state` is what a lifespan would have given to each request."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        self.lifespan.state.update(state or {})
        await self._accept()

    def pause(self) -> None:
        """Accept nobody until there are descriptors; whoever connects waits in the kernel."""
        if self._pause is None:
            for server in self.servers:
                server.close()
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(PAUSE_SECONDS, self._resume)

    def adopt(self, sock: socket.socket, app: Application | None = None) -> None:
        """Serve a connection that was accepted elsewhere, with another application if need be."""
        loop = asyncio.get_running_loop()
        connecting = loop.connect_accepted_socket(partial(self._protocol, app), sock)
        task = loop.create_task(connecting, name="adopt")
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    def leave(self, shared: bool) -> None:
        """Accept no more connections, and let those that are open end with their next response.

        What waits in the kernel is left to the others if the socket is `shared`, and taken if not.
        """
        if not self.servers:
            return
        if not shared:
            self._take_waiting()
        for server in self.servers:
            server.close()
        self.servers.clear()
        self._sock.close()
        if self._pause is not None:
            self._pause.cancel()
        app = self.config.loaded_app = Leaving(self.config.loaded_app)
        for connection in self._connections():
            connection.app = app
            if connection.cycle is not None and not connection.cycle.response_started:
                connection.cycle.keep_alive = False

    async def quiet(self) -> None:
        """After `leave`: wait for all connections to end, and close those that are idle."""
        ticks: dict[Any, int] = {}
        # uvicorn has no event for a connection's end.
        while self._adopting or any(self._connections()):
            idle = [(one, one.cycle) for one in self._connections() if _is_idle(one)]
            ticks = {key: ticks.get(key, 0) + 1 for key in idle}
            for (connection, cycle), count in ticks.items():
                if count == (NEW_TICKS if cycle is None else IDLE_TICKS):
                    connection.shutdown()
            await asyncio.sleep(TICK_SECONDS)

    async def stop(self) -> None:
        """After `leave`: let what is on its way arrive, then end what is left."""
        for connection in self._connections():
            connection.shutdown()
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
        while self.server_state.connections and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)

    async def _accept(self) -> None:
        try:
            sock = self._sock.dup()  # a server closes the socket that it was given
        except OSError:
            self.pause()
            return
        if are_short(sock.fileno()):
            sock.close()
            self.pause()
        else:
            await self.startup(sockets=[sock])

    def _resume(self) -> None:
        self._pause = None
        task = asyncio.get_running_loop().create_task(self._accept(), name="accept")
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    def _protocol(self, app: Application | None) -> asyncio.Protocol:
        state = {"server_state": self.server_state, "app_state": self.lifespan.state}
        protocol: Any = self.config.http_protocol_class(config=self.config, **state)  # type: ignore[call-arg]
        protocol.app = app or protocol.app
        return cast("asyncio.Protocol", protocol)

    def _take_waiting(self) -> None:
        """To close the socket resets the connections that nobody has accepted yet."""
        self._sock.setblocking(False)
        try:
            while True:
                self.adopt(self._sock.accept()[0])
        except OSError:
            return  # there are no more, or no more can be had

    def _connections(self) -> Iterator[Any]:
        """Those of requests: a WebSocket ends with its exchange, which says why."""
        for connection in list(self.server_state.connections):
            if not isinstance(connection, WebSocketsSansIOProtocol):
                yield connection


def _is_idle(connection: Any) -> bool:
    """Nothing of another request has come since the last response."""
    cycle = connection.cycle
    if cycle is None:
        return connection.scope is None
    return bool(cycle.response_complete and cycle.scope is connection.scope)


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


def url(host: str, port: int, scheme: str = "http") -> str:
    """An address as people write it."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{scheme}://{address}" if scheme else address
