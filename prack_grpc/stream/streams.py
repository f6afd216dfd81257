"""`prack.v1.WorkerService`: admits workers, watches that they live, and lets them go."""

import asyncio
import logging
import random
import secrets
from contextlib import suppress

import grpc

import prack_grpc
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import Broker
from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.exchange.session import Session
from prack_grpc.core.limits import Limits
from prack_grpc.stream import errors
from prack_grpc.stream.carrier import Carrier
from prack_grpc.stream.errors import StreamError
from prack_grpc.stream.grpc_carrier import Context, GrpcCarrier, parse
from prack_grpc.stream.hello import FEATURES, MINOR, Hello, limits_message, read_hello
from prack_grpc.stream.outbox import Outbox
from prack_grpc.stream.plain_carrier import TcpCarrier
from prack_grpc.stream.stream import Connection
from prack_wire import heap

log = logging.getLogger(__name__)

NAME = "prack.v1.WorkerService"
HELLO_SECONDS = 5.0
HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 15.0
LAST_SECONDS = 1.0  # for a worker to read its last frame and to hang up
# A fleet that was told to dial again must not return in one step: a worker every so often, but all
# of them within so long.
RECONNECT_STEP_MS = 10
RECONNECT_SPREAD_MS = 1000


class WorkerService:
    """All streams of this gateway."""

    def __init__(self, broker: Broker, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._gateway_id = secrets.token_hex(8)
        self._connections: dict[str, tuple[Session, Connection]] = {}
        self._plain: set[asyncio.Task[None]] = set()
        self._reason = ""  # why workers are sent away
        heap.keep()

    # ------------------------------------------------------------ gRPC

    def handler(self) -> grpc.GenericRpcHandler:
        """The service with a parser of our own, see NOT_A_FRAME; the carrier writes bytes."""
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "Connect": grpc.stream_stream_rpc_method_handler(self.connect, parse),
                "GetInfo": grpc.unary_unary_rpc_method_handler(
                    self.get_info,
                    pb.GetInfoRequest.FromString,
                    pb.GetInfoResponse.SerializeToString,
                ),
            },
        )

    async def get_info(self, request: pb.GetInfoRequest, context: Context) -> pb.GetInfoResponse:
        """What this gateway speaks."""
        return pb.GetInfoResponse(
            version=prack_grpc.__version__,
            minor_min=MINOR,
            minor_max=MINOR,
            features=sorted(FEATURES),
            limits=limits_message(self._limits),
        )

    async def connect(self, _: object, context: Context) -> None:
        """One worker, over gRPC."""
        try:
            await self._serve(GrpcCarrier(context))
        except StreamError as error:
            await context.abort(error.kind.status, str(error))

    # ------------------------------------------------------------ plain connections

    def carrier(self) -> TcpCarrier | None:
        """What serves an upgraded connection; None when workers are sent away."""
        return None if self._reason else TcpCarrier(self._adopt)

    def _adopt(self, carrier: TcpCarrier) -> None:
        task = self._loop.create_task(self._serve_plain(carrier), name="stream")
        self._plain.add(task)
        task.add_done_callback(self._plain.discard)

    async def _serve_plain(self, carrier: TcpCarrier) -> None:
        try:
            with suppress(StreamError):  # it was told
                await self._serve(carrier)
        finally:
            await carrier.hang_up(LAST_SECONDS)

    async def stop(self, grace: float) -> None:
        """End what no gRPC server ends, at the latest after `grace` seconds."""
        if self._plain:
            await asyncio.wait(self._plain, timeout=grace)
        for task in self._plain:
            task.cancel()
        await asyncio.gather(*self._plain, return_exceptions=True)

    # ------------------------------------------------------------ one stream

    async def _serve(self, carrier: Carrier) -> None:
        """One worker, from its hello to its end. Raises StreamError, after telling it."""
        try:
            session, connection = await self._open(carrier)
            try:
                await connection.run()
            finally:
                if self._connections.get(session.worker) == (session, connection):
                    del self._connections[session.worker]
        except StreamError as error:
            log.warning(
                "ended a worker's stream",
                extra={
                    "action": "stream_error",
                    "peer": carrier.peer,
                    "code": error.kind.code,
                    "reason": error.message,
                },
            )
            raise

    async def _open(self, carrier: Carrier) -> tuple[Session, Connection]:
        try:
            hello = read_hello(await _first_frame(carrier), self._limits)
            return self._admit(hello, carrier)
        except StreamError as error:
            frame = pb.GatewayFrame()
            error.tell(frame.error)
            await carrier.write(frame.SerializeToString())
            raise

    def _admit(self, hello: Hello, carrier: Carrier) -> tuple[Session, Connection]:
        now = self._loop.time
        outbox = Outbox(self._broker, self._limits, hello.initial_window, now)
        session = Session(
            hello.worker,
            hello.slots,
            True,
            outbox,
            hello.routes,
            hello.service,
            hello.version,
            hello.kinds,
            hello.tier,
        )
        connection = Connection(self._broker, self._limits, session, outbox, carrier, now)
        self._welcome(outbox, hello)
        self._join(session)
        older = self._connections.pop(session.worker, None)
        self._connections[session.worker] = session, connection
        if older is not None:
            message = "another stream said hello with the same worker_id"
            older[1].stop(StreamError(errors.REPLACED, message))
        self._loop.call_later(HEARTBEAT_SECONDS, self._beat, session, connection)
        if self._reason:
            self._send_away(connection, False)
        return session, connection

    def _welcome(self, outbox: Outbox, hello: Hello) -> None:
        welcome = outbox.control().welcome
        welcome.session_id = secrets.token_hex(8)
        welcome.gateway_id = self._gateway_id
        welcome.minor = MINOR
        welcome.features.extend(sorted(hello.features))
        welcome.limits.CopyFrom(limits_message(self._limits))
        welcome.heartbeat_ms = int(HEARTBEAT_SECONDS * 1000)
        welcome.dead_after_ms = int(DEAD_AFTER_SECONDS * 1000)

    def _join(self, session: Session) -> None:
        try:
            self._broker.join(session)
        except BadRoute as error:
            raise StreamError(errors.BAD_HELLO, f"routes: {error}") from error
        except TooManySessions as error:
            raise StreamError(errors.TOO_MANY_WORKERS, str(error)) from error
        log.info(
            "worker connected",
            extra={
                "action": "worker_connected",
                "worker": session.worker,
                "service": session.service,
                "version": session.version,
                "slots": session.slots,
                "routes": ", ".join(map(str, session.routes)),
            },
        )

    def _beat(self, session: Session, connection: Connection) -> None:
        """Speak when there was silence, and end the stream after too much of it."""
        now = self._loop.time()
        silent = now - connection.heard_at
        blocked = now - connection.wrote_at if connection.writing else 0.0
        if silent >= DEAD_AFTER_SECONDS:
            message = f"nothing was received for {DEAD_AFTER_SECONDS:.0f} s"
            connection.stop(StreamError(errors.SILENT, message))
        elif blocked >= DEAD_AFTER_SECONDS:
            message = f"the worker read nothing for {DEAD_AFTER_SECONDS:.0f} s"
            connection.stop(StreamError(errors.NOT_READING, message))
        elif not session.lost:
            if now - connection.wrote_at >= HEARTBEAT_SECONDS * 0.9:
                connection.heartbeat()
            left = DEAD_AFTER_SECONDS - max(silent, blocked)
            self._loop.call_later(min(HEARTBEAT_SECONDS, left), self._beat, session, connection)

    # ------------------------------------------------------------ the gateway stops

    def send_away(self, reason: str) -> None:
        """Have every worker dial another gateway; here it goes on for what is still to be done."""
        self._reason = reason
        for _, connection in self._connections.values():
            self._send_away(connection, False)

    def dismiss(self, reason: str) -> None:
        """Give every worker nothing more: it finishes what it holds, then ends its stream."""
        self._reason = reason
        for session, connection in self._connections.values():
            self._broker.drain(session)
            self._send_away(connection, True)

    def _send_away(self, connection: Connection, last: bool) -> None:
        spread = min(RECONNECT_SPREAD_MS, RECONNECT_STEP_MS * len(self._connections))
        after = 1 + random.randrange(spread)  # noqa: S311 - spreads load, hides nothing
        connection.go_away(last, after, self._reason)


async def _first_frame(carrier: Carrier) -> pb.WorkerFrame:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            frame = await carrier.read()
    except TimeoutError:
        message = f"no `hello` came within {HELLO_SECONDS:.0f} s"
        raise StreamError(errors.HELLO_TIMEOUT, message) from None
    if frame is None:
        raise StreamError(errors.HELLO_EXPECTED, "the stream ended before `hello`")
    return frame
