"""The gRPC server of the private port: the worker service, health and, if wanted, reflection."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress

from google.protobuf.message import DecodeError

from prack_grpc.core.worker import Principal
from prack_grpc.private.callers import Callers
from prack_grpc.stream.grpc import health, service
from prack_grpc.stream.grpc.call import Call, Status
from prack_grpc.stream.grpc.connection import Connection
from prack_grpc.stream.grpc.health import Health
from prack_grpc.stream.grpc.service import Method
from prack_grpc.stream.stream import LAST_FRAME_SECONDS
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry.complaint import Complaint
from prack_wire.frames import FrameTooLong

log = logging.getLogger(__name__)

BACKLOG = 2048
COMINGS = 4  # connections that are accepted in one turn of the loop
HANDSHAKE_SECONDS = 10.0
PAUSE_SECONDS = 1.0  # until we look again whether there are descriptors
FULL = (
    "the gRPC port has as many connections as it may have: new ones are closed; see who has them "
    "(`ss -tn sport = :%d`), or raise ulimit -n (LimitNOFILE of systemd, --ulimit of containers)"
)
undecodable = Complaint(log, "bad_request", "rejected a gRPC request that is no message", most=5)
# Who was revoked since his call was let through.
GONE = Principal("", frozenset(), revoked=True)


class StreamServer:
    """Owns the gRPC port and the services behind it.

    It takes at most `most` connections, and calls of those addresses for which `admits` is true.
    With `tls`, asked for at each handshake, they must speak TLS. Its port is `shared` with other
    processes, or is not.
    """

    def __init__(
        self,
        streams: Streams,
        callers: Callers,
        with_reflection: bool,
        most: int,
        admits: Callable[[str], bool] | None = None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        shared: bool = False,
    ) -> None:
        self._callers = callers
        self._most = most
        self._admits = admits
        self._tls = tls
        self._shared = shared
        self._health = Health("", service.NAME)
        self._methods: dict[str, Method] = {
            **service.methods(streams, self._who),
            **self._health.methods(),
        }
        if with_reflection:
            from prack_grpc.stream.grpc import reflection

            self._methods.update(reflection.methods(service.NAME, health.NAME))
        self.connections: set[Connection] = set()
        self._calls: set[asyncio.Task[None]] = set()
        self._coming: set[asyncio.Task[None]] = set()
        self._sock: socket.socket | None = None

    # ------------------------------------------------------------ the port

    def bind(self, host: str, port: int) -> int:
        """Listen, at first or after a release. Returns the port.

        Raises OSError if the address cannot be had.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._sock = sock = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, reuse_port=self._shared
        )
        sock.setblocking(False)
        bound: int = sock.getsockname()[1]
        self._full = Complaint(log, "grpc_full", FULL % bound)
        return bound

    async def start(self) -> None:
        """Admit workers from now on."""
        self._accept()
        await self.report(True)

    async def report(self, ready: bool) -> None:
        """Tell those who ask for health."""
        self._health.report(ready)

    def release(self) -> None:
        """Listen no more. The streams go on until `stop`."""
        if self._sock is not None:
            asyncio.get_running_loop().remove_reader(self._sock)
            self._sock.close()
            self._sock = None
        for connection in self.connections:
            connection.leave()

    async def stop(self, grace: float) -> None:
        """End all calls, at the latest after `grace` seconds."""
        self.release()
        for task in self._coming:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=grace)
        for task in self._calls:
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls, timeout=2 * LAST_FRAME_SECONDS)
        await self._hang_up()

    async def _hang_up(self) -> None:
        for end in (Connection.close, Connection.abort):
            for connection in self.connections:
                end(connection)
            if lost := [connection.lost for connection in self.connections]:
                await asyncio.wait(lost, timeout=LAST_FRAME_SECONDS)

    def _accept(self) -> None:
        if self._sock is not None:
            asyncio.get_running_loop().add_reader(self._sock, self._take)

    def _take(self) -> None:
        """Accept a few."""
        assert self._sock is not None  # noqa: S101 - else nobody looks at it
        try:
            for _ in range(COMINGS):
                sock, _ = self._sock.accept()
                if len(self.connections) + len(self._coming) >= self._most:
                    sock.close()
                    self._full.make()
                else:
                    _run(self._connect(sock), self._coming)
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError:  # there are no descriptors
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._sock)
            loop.call_later(PAUSE_SECONDS, self._accept)

    async def _connect(self, sock: socket.socket) -> None:
        loop, tls = asyncio.get_running_loop(), self._tls() if self._tls else None
        seconds = HANDSHAKE_SECONDS if tls else None
        with suppress(OSError):
            await loop.connect_accepted_socket(
                lambda: Connection(self), sock, ssl=tls, ssl_handshake_timeout=seconds
            )

    # ------------------------------------------------------------ calls

    def serve(self, call: Call) -> asyncio.Task[None]:
        """See connection.Server."""
        return _run(self._serve(call), self._calls)

    async def _serve(self, call: Call) -> None:
        try:
            call.end(await self._status(call))
        except asyncio.CancelledError:
            call.end(Status("UNAVAILABLE", "the gateway has stopped"))
            raise

    async def _status(self, call: Call) -> Status:
        """Serve it. Returns how it ends."""
        try:
            await self._check(call)
            if (method := self._methods.get(call.path)) is None:
                return Status("UNIMPLEMENTED", "Method not found!")
            call.begin()
            await method(call)
        except Status as status:
            return status
        except FrameTooLong as error:
            return Status("RESOURCE_EXHAUSTED", str(error))
        except DecodeError:
            undecodable.make(peer=call.peer)
            return Status("INVALID_ARGUMENT", "the request is not of this type")
        except Exception:
            log.exception("a gRPC call failed")
            return Status("INTERNAL", "the gateway failed; its log says more")
        return Status("OK")

    async def _check(self, call: Call) -> None:
        """Raises Status."""
        if self._sock is None:  # it was begun before its peer had read that we leave
            raise Status("UNAVAILABLE", "the gateway is stopping: dial again")
        host = call.peer.rpartition(":")[0]
        if self._admits is not None and not self._admits(host):
            raise Status(
                "PERMISSION_DENIED",
                "this gateway takes no workers from your network (--worker-networks)",
            )
        if not self._callers.asks or self._caller(call) is not None:
            return
        if call.values(b"authorization"):
            await self._callers.failed(host)
        raise Status(
            "UNAUTHENTICATED",
            "a valid bearer token is required: send `authorization: Bearer TOKEN`",
        )

    def _who(self, call: Call) -> Principal:
        return self._caller(call) or GONE

    def _caller(self, call: Call) -> Principal | None:
        names = call.certificate.alternatives if call.certificate else ()
        return self._callers.caller(call.values(b"authorization"), names)


def _run(
    work: Coroutine[object, object, None], tasks: set[asyncio.Task[None]]
) -> asyncio.Task[None]:
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task
