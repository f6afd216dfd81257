"""Dials a gateway over gRPC (proto/README.md, section 2)."""

from __future__ import annotations

import asyncio
import platform
import sys
from collections.abc import Callable
from contextlib import suppress

import grpc
from grpc import aio

from prack.v1 import worker_pb2 as pb
from prack.v1.worker_pb2_grpc import WorkerServiceStub
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.grpc_session import Call, GrpcSession, describe, ending_of
from prack_worker.transport import Accept, Identity
from prack_worker.version import VERSION
from prack_worker.windows import OURS

MINOR = 1
WELCOME_SECONDS = 10.0
OPTIONS = (
    # A peer that stopped without a FIN is noticed in 15 s. The keepalive time-out alone does not
    # do that (it takes a minute), and by default a silent stream is pinged twice only.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    # A new channel is a new connection, without the back-off or the DNS answer of the last one.
    ("grpc.use_local_subchannel_pool", 1),
    # The worker dials again itself; a retry of gRPC's own would keep copies of what was sent.
    ("grpc.enable_retries", 0),
    ("grpc.primary_user_agent", f"prack-worker/{VERSION}"),
)


class GrpcTransport:
    """One gateway at `address`, "host:port".

    `token` is asked before each dial, so that a token may be replaced while the worker runs; it may
    raise ConnectFailed.
    """

    def __init__(
        self, address: str, identity: Identity, token: Callable[[], str | None] = lambda: None
    ) -> None:
        self.address = address
        self._identity = identity
        self._token = token

    async def connect(self, accept: Accept, slots: int, *, websockets: bool = False) -> GrpcSession:
        """See `Transport.connect`."""
        token = self._token()
        channel = aio.insecure_channel(self.address, options=OPTIONS)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        call = WorkerServiceStub(channel).Connect(metadata=metadata)
        try:
            first = await self._greet(call, self._hello(slots, websockets))
            return GrpcSession(channel, call, first, accept)
        except BaseException:
            call.cancel()
            await channel.close()
            raise

    async def close(self) -> None:
        """Nothing here outlives a session."""

    async def _greet(self, call: Call, hello: pb.Hello) -> pb.GatewayFrame:
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                with suppress(grpc.RpcError, asyncio.InvalidStateError):  # `read` says it better
                    await call.write(pb.WorkerFrame(hello=hello))
                frame = await call.read()
        except TimeoutError as error:
            raise ConnectFailed(f"no welcome within {WELCOME_SECONDS:g} s") from error
        except grpc.RpcError as error:
            raise ConnectFailed(describe(error)) from error
        if not isinstance(frame, pb.GatewayFrame):
            raise ConnectFailed("the gateway ended the stream before its welcome")
        if frame.HasField("error"):
            kind = ConnectFailed if frame.error.retry else GatewayRefused
            raise kind(ending_of(frame.error).message)
        if not frame.HasField("welcome"):
            raise ConnectFailed("the first frame of the gateway is not a welcome")
        return frame

    def _hello(self, slots: int, websockets: bool) -> pb.Hello:
        identity = self._identity
        python = f"{platform.python_implementation()} {platform.python_version()}; {sys.platform}"
        return pb.Hello(
            worker_id=identity.worker_id,
            service=identity.service,
            version=identity.version,
            minor_min=MINOR,
            minor_max=MINOR,
            features=["websocket"] if websockets else [],
            capacity=pb.Capacity(max_in_flight=slots),
            routes=[
                pb.Route(host=route.host, path=route.path, methods=route.methods)
                for route in identity.routes
            ],
            limits=OURS,
            sdk=f"prack-worker/{VERSION} ({python})",
        )
