"""The gRPC server of the private port: the worker service, health and, if wanted, reflection."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from prack_grpc.stream.service import NAME, WorkerService

OPTIONS = (
    # Without it a second gateway would share the port silently.
    ("grpc.so_reuseport", 0),
    # A stopped peer is noticed by the ping time-out alone, not by the keepalive one.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Half as much again as proto/README.md 1.5 allows.
    ("grpc.max_receive_message_length", 6 * 1024 * 1024),
    ("grpc.max_concurrent_streams", 100),
)


Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


class TokenCheck(grpc.aio.ServerInterceptor):
    """Ends calls without the right bearer token before any frame is read."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Let the call through or refuse it."""
        metadata = handler_call_details.invocation_metadata or ()
        given = [value for name, value in metadata if name == "authorization"]
        value = given[0] if len(given) == 1 else ""
        raw = value if isinstance(value, bytes) else value.encode()
        if hmac.compare_digest(raw, self._expected):
            return await continuation(handler_call_details)
        handler = await continuation(handler_call_details)
        if handler is not None and handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(_refuse)
        return grpc.stream_stream_rpc_method_handler(_refuse)


async def _refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid bearer token is needed")


class StreamServer:
    """Owns the gRPC server and the service behind it."""

    def __init__(self, service: WorkerService, token: str | None, with_reflection: bool) -> None:
        interceptors = [TokenCheck(token)] if token else []
        self._service = service
        self._server = grpc.aio.server(
            options=OPTIONS,
            interceptors=interceptors,
            compression=grpc.Compression.NoCompression,
        )
        self._health = health.aio.HealthServicer()
        self._server.add_generic_rpc_handlers((service.handler(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if with_reflection:
            names = (NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    def bind(self, host: str, port: int) -> int:
        """Listen. Returns the port. Raises RuntimeError if the address cannot be had."""
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self._server.add_insecure_port(address)

    async def start(self) -> None:
        """Admit workers from now on."""
        await self._server.start()
        await self._report(health_pb2.HealthCheckResponse.SERVING)

    async def drain(self) -> None:
        """Report that this gateway stops, and send every worker away."""
        await self._report(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._service.go_away("the gateway stops")

    async def stop(self, grace: float) -> None:
        """End all streams, at the latest after `grace` seconds."""
        await self._server.stop(grace)

    async def _report(self, status: int) -> None:
        for name in ("", NAME):
            await self._health.set(name, status)
