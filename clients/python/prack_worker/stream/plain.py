"""Streams of frames over plain connections to the REST port (proto/README.md, section 11)."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from typing import cast

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_wire.forks import keep
from prack_wire.frames import Deframer, Frames, FrameTooLong
from prack_wire.tls import NOT_TLS, not_tls, uncertified
from prack_worker.errors import ConnectFailed
from prack_worker.loops.pulse import Pulse
from prack_worker.stream.carrier import Carrier, Line
from prack_worker.stream.dialling import dial
from prack_worker.stream.direct import Direct, invalid
from prack_worker.stream.transport import NOBODY, WRONG_TOKEN, StreamTransport
from prack_worker.version import VERSION

REQUEST = (
    "GET /api/v1/stream HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: prack.v1\r\n"
    "User-Agent: prack-worker/{version}\r\n{token}\r\n"
)
MAX_HEAD = 64 * 1024
HINT = "(prack:// connects to the REST port of `prack serve`, 4242 by default)"
SILENT = f"the server closed the connection without a response {HINT}"
WRONG_NAME = (
    "the gateway does not take calls by this name without a token: set one on both sides, or name "
    "it with --api-hosts of `prack serve`"
)
NO_PLAIN = "the server there refused the call: if it speaks TLS, use pracks://"
NO_UPGRADE = "a proxy in between does not pass on the upgrade: configure it to, or use grpc://"


class TcpTransport(StreamTransport):
    """One gateway's REST port."""

    hint = HINT

    async def _dial(self, token: str | None) -> TcpCarrier:
        field = f"Authorization: Bearer {token}\r\n" if token else ""
        request = REQUEST.format(host=self.address, version=VERSION, token=field)
        host, _, port = self.address.rpartition(":")
        host = host.strip("[]")
        loop, tls = asyncio.get_running_loop(), self._tls
        context = tls.context() if tls else None
        try:
            sock = await dial(host, int(port))
            transport, dialling = await loop.create_connection(
                lambda: Dialling(request.encode(), uncertified(SILENT) if tls else SILENT),
                sock=sock,
                ssl=context,
                server_hostname=(tls.server_name or host) if tls else None,
            )
        except OSError as error:
            raise ConnectFailed(self._describe(error)) from error
        try:
            return await dialling.carrier
        except BaseException:
            transport.abort()
            raise

    async def _line(self, carrier: Carrier, pulse: Pulse) -> Line:
        """See StreamTransport. A transport that speaks TLS cannot be left."""
        if self._tls is None and isinstance(carrier, TcpCarrier):
            return Direct(*await pulse.link.do(carrier.detach()), pulse)
        return await super()._line(carrier, pulse)

    def _describe(self, error: OSError) -> str:
        """Why there is no connection, as one line for the log."""
        if self._tls and (refusal := self._tls.refusal(error, self.address)):
            return refusal
        if isinstance(error, ssl.SSLError):
            return not_tls("prack") if error.reason == NOT_TLS else uncertified(error.reason)
        return f"{error} {NOBODY}"


class Dialling(asyncio.Protocol):
    """Asks for the upgrade. `carrier` is done when that was granted; or raises ConnectFailed.

    A server that says nothing is told of as `silent`.
    """

    def __init__(self, request: bytes, silent: str) -> None:
        self._request = request
        self._silent = silent
        self._answer = bytearray()
        self.carrier: asyncio.Future[TcpCarrier] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, end, rest = self._answer.partition(b"\r\n\r\n")
        if self.carrier.done() or not (end or len(head) > MAX_HEAD):
            return
        line = head.partition(b"\r\n")[0].decode("latin-1")
        status = line.split(" ")[1:2]
        if status == ["101"]:
            self._switch(bytes(rest))
        elif status == ["401"]:
            self._fail(WRONG_TOKEN)
        elif status == ["400"]:
            self._fail(NO_PLAIN)
        elif status == ["403"]:
            self._fail(WRONG_NAME)
        elif status == ["426"]:
            self._fail(NO_UPGRADE)
        else:
            self._fail(f'expected 101 Switching Protocols, got "{line[:80]}" {HINT}')

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(uncertified(exc.reason) if isinstance(exc, ssl.SSLError) else self._silent)

    def _switch(self, rest: bytes) -> None:
        carrier = TcpCarrier()
        self._transport.set_protocol(carrier)
        carrier.connection_made(self._transport)
        if rest:
            carrier.data_received(rest)
        self.carrier.set_result(carrier)

    def _fail(self, message: str) -> None:
        if not self.carrier.done():
            self.carrier.set_exception(ConnectFailed(message))


class TcpCarrier(Frames):
    """Implements `carrier.Carrier`."""

    async def read(self) -> pb.GatewayFrame | None:
        try:
            message = await self.receive()
            return None if message is None else pb.GatewayFrame.FromString(message)
        except (FrameTooLong, DecodeError) as error:
            raise invalid(error) from None

    async def write(self, *frames: bytes) -> None:
        await self.send(*frames)

    @property
    def write_now(self) -> Callable[[pb.WorkerFrame], object] | None:
        return self._post if self._room is None else None

    def _post(self, frame: pb.WorkerFrame) -> None:
        self.post(frame.SerializeToString())

    async def done_writing(self) -> None:
        self.end()

    async def close(self) -> None:
        self._transport.abort()

    async def detach(self) -> tuple[socket.socket, Deframer]:
        """The connection without this carrier and its loop, and what was read of it.

        Raises ConnectFailed.
        """
        if self._transport.is_closing():
            raise ConnectFailed("the gateway broke off the connection")
        number = os.dup(self._transport.get_extra_info("socket").fileno())
        sock = keep(socket.socket(fileno=number))
        sock.setblocking(False)
        self._transport.abort()  # its own descriptor: the connection goes on
        return sock, self._incoming
