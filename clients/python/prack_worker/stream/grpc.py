"""Streams of frames over gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import grpc
from grpc import aio

from prack.v1 import worker_pb2 as pb
from prack_wire.tls import NOT_TLS, not_tls, uncertified
from prack_worker.errors import ConnectFailed
from prack_worker.stream.transport import NOBODY, WRONG_TOKEN, StreamTransport
from prack_worker.version import VERSION

OPTIONS = (
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # A new channel is a new connection, without the back-off or the DNS answer of the last one.
    ("grpc.use_local_subchannel_pool", 1),
    # The worker dials again itself; a retry of gRPC's own would keep copies of what was sent.
    ("grpc.enable_retries", 0),
    # The gateway is dialled directly, whatever `grpc_proxy` or `https_proxy` says.
    ("grpc.enable_http_proxy", 0),
    ("grpc.primary_user_agent", f"prack-worker/{VERSION}"),
)
PING_SECONDS = 15.0
HINT = "(grpc:// connects to the gRPC port of `prack serve`, 4243 by default)"
UNTRUSTED = "CERTIFICATE_VERIFY_FAILED: "
METHOD = "/prack.v1.WorkerService/Connect"
# The call is over.
OVER = grpc.RpcError, asyncio.InvalidStateError


class GrpcTransport(StreamTransport):
    """One gateway's gRPC port."""

    hint = HINT

    async def _dial(self, token: str | None) -> GrpcCarrier:
        """See StreamTransport. The connection is made when the first frame is written."""
        options = (*OPTIONS, *_pings(max(self._max_silence, PING_SECONDS)))
        tls = self._tls
        if tls is None:
            return GrpcCarrier(aio.insecure_channel(self.address, options=options), token, describe)
        shown = grpc.ssl_channel_credentials(*tls.pems())
        if tls.server_name:
            options = (*options, ("grpc.ssl_target_name_override", tls.server_name))
        return GrpcCarrier(
            aio.secure_channel(self.address, shown, options=options), token, self._describe
        )

    def _describe(self, error: grpc.RpcError) -> str:
        """The same as `describe`, of what may go wrong with TLS."""
        details = (error.details() if isinstance(error, aio.AioRpcError) else None) or ""
        assert self._tls is not None  # noqa: S101 - else this is not called
        if "Hostname Verification" in details:
            return self._tls.misnamed(self.address)
        if UNTRUSTED in details:
            return self._tls.untrusted(details.partition(UNTRUSTED)[2].removesuffix(": OK"))
        if NOT_TLS in details:
            return not_tls("grpc")
        return (
            uncertified(details.rpartition(": ")[2])
            if "Socket closed" in details
            else describe(error)
        )


def _pings(seconds: float) -> tuple[tuple[str, int], ...]:
    """A peer that stopped without a FIN is noticed in so many seconds.

    The keepalive time-out alone does not do that (it takes a minute), and by default a silent
    stream is pinged twice only.
    """
    third = round(seconds * 1000 / 3)
    return (
        ("grpc.keepalive_time_ms", 2 * third),
        ("grpc.keepalive_timeout_ms", third),
        ("grpc.http2.ping_timeout_ms", third),
    )


class GrpcCarrier:
    """Implements `carrier.Carrier` for one call."""

    write_now = None

    def __init__(
        self,
        channel: aio.Channel,
        token: str | None,
        describe: Callable[[grpc.RpcError], str],
    ) -> None:
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channel = channel
        self._describe = describe
        connect: aio.StreamStreamMultiCallable[bytes, pb.GatewayFrame] = channel.stream_stream(
            METHOD, response_deserializer=pb.GatewayFrame.FromString
        )
        self._call = connect(metadata=metadata)

    async def read(self) -> pb.GatewayFrame | None:
        try:
            frame = await self._call.read()
        except grpc.RpcError as error:
            raise ConnectFailed(self._describe(error)) from error
        return frame if isinstance(frame, pb.GatewayFrame) else None

    async def write(self, *frames: bytes) -> None:
        with suppress(*OVER):
            await self._call.write(b"".join(frames))  # is a frame, too: proto/README.md 1.6

    async def done_writing(self) -> None:
        with suppress(*OVER):
            await self._call.done_writing()

    async def close(self) -> None:
        self._call.cancel()  # closing a channel does not end its calls
        await self._channel.close()


def describe(error: grpc.RpcError) -> str:
    """Why a call ended, as one line for the log."""
    if not isinstance(error, aio.AioRpcError):
        return str(error)
    if error.code() is grpc.StatusCode.UNAUTHENTICATED:
        return WRONG_TOKEN
    details = error.details() or error.code().name
    if "http1.x" in details:
        return f"the server there speaks HTTP/1.1, not gRPC {HINT}"
    if details.startswith(("failed to connect", "DNS resolution failed")):
        reason = details.rpartition(": ")[2]  # before it come the library's own words
        return f"{reason} {NOBODY}"
    return details
