"""The carrier of gRPC (proto/README.md, section 1)."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
from grpc import aio

from prack_grpc.conformance.certificates import Shown
from prack_grpc.conformance.stream.gateway import Gateway
from prack_grpc.conformance.stream.session import Session

SERVICE = "prack.v1.WorkerService"
RPC_TASK = "rpc_task"  # as the library calls those that wait for the end of a call
END_SECONDS = 1.0
REFUSALS = {
    "token": grpc.StatusCode.UNAUTHENTICATED,
    "draining": grpc.StatusCode.UNAVAILABLE,
    "silence": grpc.StatusCode.UNKNOWN,
}


class GrpcLink:
    """One call."""

    def __init__(self, context: Any) -> None:
        metadata = dict(context.invocation_metadata())
        self.authorization = str(metadata.get("authorization", ""))
        self.outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.lost = False

    def write(self, frame: bytes) -> None:
        """See Link."""
        self.outbox.put_nowait(frame)

    def end(self) -> None:
        """See Link."""
        self.outbox.put_nowait(None)

    def reset(self) -> None:
        """See Link."""
        self.lost = True
        self.outbox.put_nowait(None)


@asynccontextmanager
async def listening(gateway: Gateway, pair: tuple[Shown, Shown] | None) -> AsyncIterator[str]:
    """Inside it workers can dial, over TLS if there are certificates; gives the URL."""

    async def connect(_: Any, context: Any) -> None:
        await _serve(gateway, context)

    server = aio.server(options=[("grpc.so_reuseport", 0)])
    methods: dict[str, Any] = {"Connect": grpc.stream_stream_rpc_method_handler(connect)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    if pair:
        port = server.add_secure_port("127.0.0.1:0", _changing(pair, gateway.greeted))
        url = f"grpcs://localhost:{port}"
    else:
        url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield url
    finally:
        await server.stop(0)
        await _ended()


async def _ended() -> None:
    """The library still waits for calls that are over; a loop that ends would call it an error."""
    if left := [task for task in asyncio.all_tasks() if task.get_name() == RPC_TASK]:
        await asyncio.wait(left, timeout=END_SECONDS)


def _changing(pair: tuple[Shown, Shown], trusts: Callable[[], bool]) -> grpc.ServerCredentials:
    """Asks at each greeting whether to show the first of the pair."""
    trusted, stranger = (
        grpc.ssl_server_certificate_configuration([(one.key.read_bytes(), one.cert.read_bytes())])
        for one in pair
    )
    return grpc.dynamic_ssl_server_credentials(
        stranger, lambda: trusted if trusts() else stranger, require_client_authentication=False
    )


async def _serve(gateway: Gateway, context: Any) -> None:
    if refusal := gateway.dialled():
        await context.abort(REFUSALS[refusal], f"the kit refuses: {refusal}")
    link = GrpcLink(context)
    session = gateway.open(link)
    reading = asyncio.create_task(_read(session, context))
    try:
        while (frame := await link.outbox.get()) is not None:
            await context.write(frame)
        if link.lost:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the kit is lost")
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        session.close(clean=False)


async def _read(session: Session, context: Any) -> None:
    with suppress(grpc.RpcError, aio.UsageError):
        while isinstance(frame := await context.read(), bytes):
            session.take(frame)
        session.close(clean=True)
