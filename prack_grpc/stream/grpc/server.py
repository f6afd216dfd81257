"""The gRPC server of the private port: the worker service, health and, if wanted, reflection."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from prack_grpc.core.worker import Principal
from prack_grpc.private.callers import Callers
from prack_grpc.stream.grpc.carrier import peer, shown
from prack_grpc.stream.grpc.credentials import Keys, credentials
from prack_grpc.stream.grpc.decoding import Context, Decoding
from prack_grpc.stream.grpc.service import NAME, handler
from prack_grpc.stream.stream import LAST_FRAME_SECONDS
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

OPTIONS = (
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Half as much again as proto/README.md 1.5 allows.
    ("grpc.max_receive_message_length", 6 * 1024 * 1024),
    ("grpc.max_concurrent_streams", 100),
    ("grpc.max_metadata_size", 16 * 1024),  # a token of 8 KiB, and what goes with it
    # Who does not speak HTTP/2, and who speaks it without a call, takes a descriptor for so long.
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.max_connection_idle_ms", 15_000),
)
# Without it, or with 1, a second gateway would share the port silently.
SHARED = "grpc.so_reuseport"
CONNECTIONS = "grpc.max_allowed_incoming_connections"
PING_SECONDS = 15.0
# How often we look whether the port is full, and how soon a connection that is one too many ends.
LOOK_SECONDS, CLOSED_SECONDS = 30.0, 1.0
FULL = (
    "the gRPC port has as many connections as it may have: new ones are closed; see who has them "
    "(`ss -tn sport = :%d`), or raise ulimit -n (LimitNOFILE of systemd, --ulimit of containers)"
)
# No stream is as old when its gateway ends.
STREAM_SECONDS = 1e9
# Where grpc.aio complains of its own; its messages have no other mark.
THEIRS = logging.getLogger("grpc._cython.cygrpc")
# Who was revoked since his call was let through.
GONE = Principal("", frozenset(), revoked=True)
Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Any]]


def _pings(seconds: float) -> tuple[tuple[str, int], ...]:
    """A stopped peer is noticed in so many seconds.

    That is by the ping time-out alone, not by the keepalive one.
    """
    third = round(seconds * 1000 / 3)
    return (
        ("grpc.keepalive_time_ms", 2 * third),
        ("grpc.keepalive_timeout_ms", third),
        ("grpc.http2.ping_timeout_ms", third),
    )


class Check(grpc.aio.ServerInterceptor):
    """Has every call looked at before any frame is read: gRPC tells of no connection."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Let the call through to what serves it, by way of `check`."""
        handler = await continuation(handler_call_details) or UNKNOWN
        ways = ("unary_unary", "unary_stream", "stream_stream")
        serves = {way: getattr(handler, way) for way in ways}
        checked = {way: self._checked(serve) for way, serve in serves.items() if serve}
        return handler._replace(**checked)

    def _checked(self, serve: Callable[[Any, Context], Any]) -> Callable[[Any, Context], Any]:
        async def once(given: Any, context: Context) -> Any:
            await self.check(context)
            return await serve(given, context)

        async def each(given: Any, context: Context) -> AsyncIterator[Any]:
            await self.check(context)
            async for answer in serve(given, context):
                yield answer

        return each if inspect.isasyncgenfunction(serve) else once

    async def check(self, context: Context) -> None:
        """Abort a call that must not be served."""


async def _unknown(_: object, context: Context) -> None:
    """As gRPC answers a method that there is not, but after the checks."""
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")


UNKNOWN: Any = grpc.stream_stream_rpc_method_handler(_unknown)


class CallerCheck(Check):
    """Ends calls without valid credentials."""

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def check(self, context: Context) -> None:
        """See Check."""
        if _caller(self._callers, context) is not None:
            return
        if _values(context):
            host = peer(context).rpartition(":")[0].strip("[]")
            await self._callers.failed(host)
        await context.abort(
            grpc.StatusCode.UNAUTHENTICATED,
            "a valid bearer token is required: send `authorization: Bearer TOKEN`",
        )


def _caller(callers: Callers, context: Context) -> Principal | None:
    certificate = shown(context)
    return callers.caller(_values(context), certificate.alternatives if certificate else ())


def _values(context: Context) -> list[bytes]:
    """The values of `authorization`."""
    metadata = context.invocation_metadata() or ()
    given = [value for name, value in metadata if name == "authorization"]
    return [value if isinstance(value, bytes) else value.encode() for value in given]


class NetworkCheck(Check):
    """Ends the calls of peers that `admits` does not know."""

    def __init__(self, admits: Callable[[str], bool]) -> None:
        self._admits = admits

    async def check(self, context: Context) -> None:
        """See Check."""
        # `ipv4:192.0.2.1:4711`, or `ipv6:%5B2001:db8::1%5D:4711`.
        _, _, peer = unquote(context.peer()).partition(":")
        if not self._admits(peer.rpartition(":")[0]):
            await context.abort(
                grpc.StatusCode.PERMISSION_DENIED,
                "this gateway takes no workers from your network (--worker-networks)",
            )


def is_news(record: logging.LogRecord) -> bool:
    """Whether it is worth a line. grpc.aio logs a traceback of calls that end before they begin."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


async def is_full(host: str, port: int) -> bool:
    """Whether gRPC ends new connections there, of which it tells nobody: seen by dialling."""
    try:
        async with asyncio.timeout(CLOSED_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                return not await reader.read(1)
            finally:
                writer.close()
    except ConnectionResetError:
        return True
    except OSError:  # with TLS it waits for us to speak
        return False


class StreamServer:
    """Owns the gRPC server and the service behind it.

    It takes at most `most` connections, and calls of those addresses for which `admits` is true.
    With `keys`, asked for at each handshake, they must speak TLS. Its port is `shared` with
    other processes, or is not.
    """

    def __init__(
        self,
        streams: Streams,
        callers: Callers,
        with_reflection: bool,
        most: int,
        admits: Callable[[str], bool] | None = None,
        keys: Callable[[], Keys] | None = None,
        shared: bool = False,
    ) -> None:
        self._options = (*OPTIONS, (CONNECTIONS, most), (SHARED, int(shared)))
        self._streams = streams
        self._credentials = credentials(keys) if keys else None
        self._callers = callers
        networks = [NetworkCheck(admits)] if admits else ()
        asking = [CallerCheck(callers)] if callers.asks else ()
        self._interceptors = [*networks, *asking, Decoding()]
        self._with_reflection = with_reflection
        self._health = health.aio.HealthServicer()
        # The last one listens; those before it only have streams.
        self._servers: list[grpc.aio.Server] = []
        self._stopping: list[asyncio.Task[None]] = []
        self._calls: set[asyncio.Task[object]] = set()
        self._address = "", 0
        self._looking: asyncio.Task[None] | None = None

    def bind(self, host: str, port: int) -> int:
        """Listen, at first or after a release. Returns the port.

        Raises RuntimeError if the address cannot be had.
        """
        server = grpc.aio.server(
            options=(*self._options, *_pings(max(self._streams.max_silence, PING_SECONDS))),
            interceptors=self._interceptors,
            compression=grpc.Compression.NoCompression,
        )
        server.add_generic_rpc_handlers((handler(self._streams, self._who, self._calls),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._with_reflection:
            # It loads the descriptions of descriptions (decision 0061).
            from grpc_reflection.v1alpha import reflection

            names = (NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, server)
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._servers.append(server)
        if self._credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, self._credentials)
        self._address = host, port
        return port

    def _who(self, context: Context) -> Principal:
        return _caller(self._callers, context) or GONE

    async def start(self) -> None:
        """Admit workers from now on."""
        THEIRS.addFilter(is_news)
        await self._servers[-1].start()
        self._looking = asyncio.create_task(self._look(*self._address), name="grpc port")
        await self.report(True)

    async def _look(self, host: str, port: int) -> None:
        """Complain while the port is full."""
        full = Complaint(log, "grpc_full", FULL % port)
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await is_full(host, port):
                full.make()

    def release(self) -> None:
        """Listen no more. The streams go on until `stop`; the port is free a moment later."""
        self._look_no_more()
        stopping = self._servers[-1].stop(STREAM_SECONDS)
        self._stopping.append(asyncio.create_task(stopping, name="release"))

    async def stop(self, grace: float) -> None:
        """End all calls, at the latest after `grace` seconds."""
        self._look_no_more()
        stopping = (server.stop(grace) for server in self._servers)
        await asyncio.gather(*stopping, *self._stopping)
        if self._calls:  # gRPC does not wait for these; were they cancelled, it printed a traceback
            await asyncio.wait(self._calls, timeout=2 * LAST_FRAME_SECONDS)

    async def report(self, ready: bool) -> None:
        """Tell those who ask for health."""
        response = health_pb2.HealthCheckResponse
        for name in ("", NAME):
            await self._health.set(name, response.SERVING if ready else response.NOT_SERVING)

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
