"""Listening sockets: accepting their connections, and ending them when the gateway stops.

Rules: a request that has reached us is answered; so connections that wait in the kernel are
taken before their socket is closed, and one that is to end says so in its last response or has been
idle for a while (RFC 9112 sections 9.5 and 9.6).
"""

import asyncio
import errno
import logging
import resource
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from functools import partial

from starlette.types import ASGIApp

from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.descriptors import SPARE, are_short
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.proxy_protocol import Proxies
from prack_grpc.settings.loading import flag
from prack_grpc.stream.grpc.port import GrpcPort
from prack_grpc.telemetry.complaint import Complaint
from prack_grpc.tls.certificates import Certificates
from prack_grpc.tls.handshakes import NO_PROOFS, Handshakes
from prack_grpc.turns import COMINGS

log = logging.getLogger(__name__)

BACKLOG = 2048
# For answers that are on their way when the grace period is over, and for streams to close.
LAST_SECONDS = 1.0
TICK_SECONDS = 0.05
# How long a connection must have been idle to be closed when we leave: 1 s, and 5 s before its
# first request, which no client sends again and whose first packet may get lost. In ticks: a loop
# that was busy must first read what has come meanwhile.
IDLE_TICKS, NEW_TICKS = 20, 100
FULL = (
    "the worker port has as many connections as it may have beside the clients: more wait; raise "
    "ulimit -n (LimitNOFILE of systemd, --ulimit of containers)"
)
# How often we look whether there are descriptors again.
PAUSE_SECONDS = 1.0
# How long the gRPC port of a gateway that gave it up may still be taken.
FREE_SECONDS = 5.0


def worker_places(most: int, clients: int) -> int:
    """How many connections the worker port may have, at most `most`, beside so many `clients`.

    What is left of the descriptors, but a quarter of them where clients could have nearly all.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return most
    return max(min(most, soft - clients - SPARE), grpc_places(most))


def grpc_places(most: int) -> int:
    """How many connections the gRPC port may have, at most `most`: a quarter of the descriptors."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return most if soft == resource.RLIM_INFINITY else min(most, soft // 4)


class AddressInUse(Exception):
    """A port could not be opened; the message names it, and the flag that changes it."""


class Listener:
    """Accepts the connections of one HTTP server, and ends them when the gateway stops.

    With `room`, only while it says that there are places left: whoever else connects waits in the
    kernel, and holds no descriptor. With `proxies`, they say first who the clients are. With
    `certificates`, clients speak TLS, and authorities may look for `proofs`.
    """

    def __init__(
        self,
        server: HttpServer,
        sock: socket.socket,
        room: Callable[[], int] | None = None,
        certificates: Certificates | None = None,
        proxies: Proxies | None = None,
        proofs: Mapping[str, ssl.SSLContext] = NO_PROOFS,
    ) -> None:
        self._server = server
        # Those who replace us, and whom we replace, have the same socket, and wait in their loops:
        # a copy is made to block if this one does, and for all of them.
        sock.setblocking(False)
        self._sock = sock
        self._accepting: list[asyncio.Server] = []
        self._left = self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._greeting: set[asyncio.Task[None]] = set()  # those of them that wait for a client
        self._pause: asyncio.TimerHandle | None = None
        self._room = room
        self._handshakes = Handshakes(server, certificates, proofs) if certificates else None
        self._proxies = proxies
        self._full = Complaint(log, "worker_port_full", FULL)

    @property
    def connected(self) -> int:
        """How many connections there are."""
        return len(self._server.connections)

    async def start(self) -> None:
        """Accept connections."""
        await self._accept()

    def pause(self) -> None:
        """Accept no connections until descriptors are free; new ones wait in the kernel."""
        if self._pause is None and not self._left:
            self._accept_no_more()
            loop = asyncio.get_running_loop()
            self._pause = loop.call_later(PAUSE_SECONDS, self._resume)

    def adopt(self, sock: socket.socket, app: ASGIApp | None = None) -> None:
        """Serve a connection that is not encrypted, with another application if need be."""
        if self._ended:
            sock.close()
            return
        server = self._server.serving(app) if app else self._server
        self._run(self._connect(partial(Connection, server), sock))

    def leave(self, shared: bool) -> None:
        """Accept no more connections, and let those that are open end with their next response.

        What waits in the kernel is left to the others if the socket is `shared`, and taken if not.
        """
        if self._left:
            return
        self._left = True
        if not shared:
            self._take_waiting()
        self._accept_no_more()
        self._sock.close()
        if self._pause is not None:
            self._pause.cancel()
        self._server.leaving = True
        for connection in self._connections():
            connection.leave()

    async def quiet(self) -> None:
        """After `leave`: wait for all connections to end, and close those that are idle."""
        ticks: dict[tuple[Connection, int], int] = {}
        # There is no event for a connection's end: it would cost every one of them.
        while self._tasks or any(self._connections()):
            idle = [(one, one.requests) for one in self._connections() if one.is_idle]
            ticks = {key: ticks.get(key, 0) + 1 for key in idle}
            for (connection, requests), count in ticks.items():
                if count == (IDLE_TICKS if requests else NEW_TICKS):
                    connection.shutdown()
            await asyncio.sleep(TICK_SECONDS)

    async def stop(self) -> None:
        """After `leave`: let what is on its way arrive, then end what is left."""
        self._ended = True  # what is adopted from now on would outlive the loop
        for greeting in self._greeting:
            greeting.cancel()
        # The others are not to be cancelled: their connections may be served already.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._connections():
            connection.shutdown()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LAST_SECONDS
        tasks = self._server.tasks
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_SECONDS)
        if tasks:
            for member in list(self._server.connections):
                member.abort()
            await asyncio.wait(tasks, timeout=LAST_SECONDS)
        for task in tasks:
            task.cancel()
        while self._server.connections and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)
        for member in list(self._server.connections):  # not all that waits has a task
            member.abort()

    async def _accept(self) -> None:
        try:
            sock = self._sock.dup()  # a server closes the socket that it was given
        except OSError:
            self.pause()
            return
        if are_short(sock.fileno()):
            sock.close()
            self.pause()
            return
        if self._accepts_itself:
            sock.close()
            asyncio.get_running_loop().add_reader(self._sock, self._take)
            return
        loop, connection = asyncio.get_running_loop(), partial(Connection, self._server)
        # In a turn the loop (uvloop's) accepts one connection of a socket.
        socks = (sock, *(sock.dup() for _ in range(COMINGS - 1)))
        self._accepting = [
            await loop.create_server(connection, sock=one, backlog=BACKLOG) for one in socks
        ]

    @property
    def _accepts_itself(self) -> bool:
        """Rather than the loop's own server, which has connections only once they are greeted."""
        return any(one is not None for one in (self._room, self._handshakes, self._proxies))

    def _take(self) -> None:
        """Accept as many as there is room for, and at most COMINGS in one turn of the loop."""
        places = COMINGS
        if self._room is not None:
            places = self._room() - len(self._server.connections) - len(self._tasks)
            if places <= 0:
                self._full.make(places=self._room())
                self.pause()
                return
        try:
            for _ in range(min(places, COMINGS)):
                sock, peer = self._sock.accept()
                if are_short(sock.fileno()):
                    self.pause()
                self._begin(sock, peer[:2])
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:
            self.pause()

    def _begin(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        if self._handshakes is None and self._proxies is None:
            self.adopt(sock)
        else:
            task = self._run(self._introduce(sock, peer))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _introduce(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        """Learn who the client is, and greet it, before it speaks HTTP."""
        client: tuple[str, int] | None = peer
        if self._proxies is not None:
            client = await self._proxies.client(sock, peer)
        if client is None:
            return
        if self._handshakes is not None:
            await self._handshakes.greet(sock, client)
        else:
            self._run(self._connect(partial(Connection, self._server, client), sock))

    async def _connect(self, connection: Callable[[], Connection], sock: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(connection, sock)

    def _accept_no_more(self) -> None:
        for server in self._accepting:
            server.close()
        if self._accepts_itself:
            asyncio.get_running_loop().remove_reader(self._sock)

    def _resume(self) -> None:
        self._pause = None
        self._run(self._accept())

    def _run(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _take_waiting(self) -> None:
        """Accept what waits in the kernel: closing the socket would reset those connections."""
        try:
            while True:
                sock, peer = self._sock.accept()
                self._begin(sock, peer[:2])
        except OSError:
            return  # there are no more, or no more can be had

    def _connections(self) -> list[Connection]:
        """HTTP connections only: a WebSocket is closed by its exchange, with the reason."""
        return [one for one in self._server.connections if isinstance(one, Connection)]


def listen(host: str, port: int, setting: str, shared: bool = False) -> socket.socket:
    """A listening socket, with one address for all that are `shared`.

    Raises AddressInUse naming the flag of `setting`, or of its host.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG, reuse_port=shared)
    except OSError as error:
        # Python repeats the address in some of these texts.
        reason = (error.strerror or str(error)).partition(" (while")[0]
        # A name that is unknown, or an address of another machine, is no matter of the port.
        of_port = error.errno in (errno.EADDRINUSE, errno.EACCES)
        name = setting if of_port else setting.replace("port", "host")
        raise AddressInUse(
            f"cannot listen on {url(host, port, '')}: {reason}; choose another with {flag(name)}"
        ) from None


def url(
    host: str, port: int, scheme: str = "http", certificates: Certificates | None = None
) -> str:
    """An address as people write it; with certificates that of the scheme over TLS."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return f"{scheme}{'s' if certificates else ''}://{address}" if scheme else address


async def free(host: str, port: int) -> int:
    """This port, once gRPC has closed it, which takes it a moment. Raises AddressInUse."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + FREE_SECONDS
    while True:
        try:
            listen(host, port, "grpc_port").close()
            return port
        except AddressInUse:
            if loop.time() > deadline:
                raise
        await asyncio.sleep(0.01)


def bind(stream: GrpcPort, host: str, port: int) -> int:
    """Have gRPC listen there. Returns the port. Raises AddressInUse."""
    try:
        return stream.bind(host, port)
    except OSError as error:
        listen(host, port, "grpc_port").close()  # this names the flag
        raise AddressInUse(f"cannot listen on {url(host, port, '')}: {error}") from None
