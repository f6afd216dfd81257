"""A TLS connection of an authority that looks for a proof (TLS-ALPN-01, RFC 8737)."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping

PROTOCOL = "acme-tls/1"
# As it is in the list of protocols that a client offers (RFC 7301 section 3.1).
OFFERED = bytes([len(PROTOCOL)]) + PROTOCOL.encode()
RECORD = 5  # bytes before what a record holds, the last two are its length (RFC 8446 section 5.1)
MOST = RECORD + 2**14


def proving() -> ssl.SSLContext:
    """A context that speaks this protocol only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([PROTOCOL])
    return context


async def is_validation(sock: socket.socket) -> bool:
    """Wait for the first record, and leave it there: whether it offers this protocol.

    Raises OSError.
    """
    head = await _peek(sock, RECORD)
    size = RECORD + int.from_bytes(head[3:5], "big")
    return OFFERED in await _peek(sock, min(size, MOST))


async def prove(
    sock: socket.socket, contexts: Mapping[str, ssl.SSLContext], seconds: float
) -> None:
    """Show the proof of the name that is asked for; then the connection ends. Raises OSError."""
    context = proving()
    context.sni_callback = _choosing(contexts)
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        asyncio.Protocol,
        sock.dup(),
        ssl=context,
        ssl_handshake_timeout=seconds,
        ssl_shutdown_timeout=seconds,
    )
    transport.close()


def _choosing(
    contexts: Mapping[str, ssl.SSLContext],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], int | None]:
    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> int | None:
        found = contexts.get((name or "").lower())
        if found is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        connection.context = found
        return None

    return choose


async def _peek(sock: socket.socket, size: int) -> bytes:
    """So many bytes, or less if no more will come."""
    loop, came = asyncio.get_running_loop(), asyncio.Event()
    # Else it would be readable all the time with less.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
    loop.add_reader(sock, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
    return sock.recv(size, socket.MSG_PEEK)
