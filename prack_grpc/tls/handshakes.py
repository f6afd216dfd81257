"""TLS handshakes of a listening socket: each within its time, and not too many at once.

A client has its place among the connections from its first packet on. Who comes when there are too
many handshakes makes the one under way for the longest give way: a handshake takes milliseconds,
and who is silent is the oldest soon.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import KIB
from prack_grpc.gateway.http.admission import Verdict
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.http.transaction import refusal
from prack_grpc.telemetry.complaint import Complaint
from prack_grpc.tls.certificates import Certificates
from prack_grpc.tls.validation import is_validation, prove

log = logging.getLogger(__name__)

HANDSHAKE = b"\x16"  # the first byte of TLS (RFC 8446 section 5.1)
HEAD = 64 * KIB
# What a client may leave unread before it has to wait, as without TLS: by default it is eightfold.
UNSENT = 64 * KIB
NOT_PLAIN = "this port speaks TLS: use https:// (for a worker pracks://)"
NO_PROOFS: Mapping[str, ssl.SSLContext] = {}
FAILED = "a TLS handshake failed: see the reason; a client may trust other certificates"


class Handshakes:
    """Makes connections of `server` from sockets that were accepted.

    While there are `proofs`, by name, an authority that looks for them is shown those.
    """

    def __init__(
        self,
        server: HttpServer,
        certificates: Certificates,
        proofs: Mapping[str, ssl.SSLContext] = NO_PROOFS,
    ) -> None:
        self._server = server
        self._certificates = certificates
        self._proofs = proofs
        self._under_way: dict[asyncio.Task[object], None] = {}
        self._failed = Complaint(log, "tls_failed", FAILED)

    async def greet(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        """Have this client become a connection, or be gone."""
        place = self._server.admission.enter(sock.fileno(), peer)
        made = False
        try:
            async with self._in_turn():
                if place.verdict is Verdict.CUT or not await _speaks_tls(sock):
                    return
                if self._proofs and await is_validation(sock):
                    await prove(sock, self._proofs, self._server.limits.handshake_seconds)
                    return
                await self._shake(sock, Connection(self._server, peer, place))
                made = True
        except OSError as error:
            self._failed.make(client=peer[0], reason=_reason(error))
        finally:
            if not made:
                place.leave()
                sock.close()

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Within the time for a handshake, or until too many others have come. Raises OSError."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        if len(self._under_way) >= self._server.limits.handshakes:
            oldest = next(iter(self._under_way))
            del self._under_way[oldest]
            oldest.cancel()
        self._under_way[task] = None
        try:
            async with asyncio.timeout(self._server.limits.handshake_seconds):
                yield
        finally:
            self._under_way.pop(task, None)

    async def _shake(self, sock: socket.socket, connection: Connection) -> None:
        limits = self._server.limits
        transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            sock,
            ssl=self._certificates.loaded.context,
            ssl_handshake_timeout=limits.handshake_seconds,
            ssl_shutdown_timeout=limits.linger_seconds,
        )
        transport.set_write_buffer_limits(UNSENT)


async def _speaks_tls(sock: socket.socket) -> bool:
    """Wait for the first byte, and leave it there. Whoever speaks HTTP is told what is spoken here.

    Raises OSError.
    """
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    sock.setblocking(False)
    loop.add_reader(sock, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(sock)
    first = sock.recv(1, socket.MSG_PEEK)
    if first and first != HANDSHAKE:
        with suppress(OSError):
            sock.recv(HEAD)  # left unread it would reset the connection, and with it the answer
            sock.send(refusal(GatewayError(errors.BAD_REQUEST, NOT_PLAIN))[1])
    return first == HANDSHAKE


def _reason(error: OSError) -> str:
    return getattr(error, "reason", None) or str(error) or type(error).__name__
