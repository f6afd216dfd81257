"""`prack.v1.WorkerService`: admits workers, watches that they live, and lets them go."""

import asyncio
import logging
import random
import secrets

import grpc
from google.protobuf.message import DecodeError

import prack_grpc
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.base import Broker
from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.limits import Limits
from prack_grpc.core.session import Session
from prack_grpc.stream import errors
from prack_grpc.stream.connection import NOT_A_FRAME, Connection, Context
from prack_grpc.stream.errors import StreamError
from prack_grpc.stream.hello import FEATURES, MINOR, Hello, limits_message, read_hello
from prack_grpc.stream.outbox import Outbox

log = logging.getLogger(__name__)

NAME = "prack.v1.WorkerService"
HELLO_SECONDS = 5.0
HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 15.0
# A fleet that was told to dial again must not return in one step.
RECONNECT_SPREAD_MS = 1000


class WorkerService:
    """All streams of this gateway."""

    def __init__(self, broker: Broker, limits: Limits) -> None:
        self._broker = broker
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._gateway_id = secrets.token_hex(8)
        self._connections: dict[str, tuple[Session, Connection]] = {}

    # ------------------------------------------------------------ gRPC

    def handler(self) -> grpc.GenericRpcHandler:
        """The service with a parser of our own, see NOT_A_FRAME."""
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "Connect": grpc.stream_stream_rpc_method_handler(
                    self.connect, _parse, pb.GatewayFrame.SerializeToString
                ),
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
        """One worker, from its hello to its end."""
        try:
            session, connection = await self._open(context)
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
                    "peer": context.peer(),
                    "code": error.kind.code,
                    "reason": error.message,
                },
            )
            await context.abort(error.kind.status, str(error))

    # ------------------------------------------------------------ one stream

    async def _open(self, context: Context) -> tuple[Session, Connection]:
        try:
            hello = read_hello(await _first_frame(context), self._limits)
            return self._admit(hello, context)
        except StreamError as error:
            frame = pb.GatewayFrame()
            error.tell(frame.error)
            await context.write(frame)
            raise

    def _admit(self, hello: Hello, context: Context) -> tuple[Session, Connection]:
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
        )
        connection = Connection(self._broker, self._limits, session, outbox, context, now)
        self._welcome(outbox, hello)
        self._join(session)
        older = self._connections.pop(session.worker, None)
        self._connections[session.worker] = session, connection
        if older is not None:
            message = "another stream said hello with the same worker_id"
            older[1].stop(StreamError(errors.REPLACED, message))
        self._loop.call_later(HEARTBEAT_SECONDS, self._beat, session, connection)
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
        if now - connection.heard_at > DEAD_AFTER_SECONDS:
            message = f"nothing was received for {DEAD_AFTER_SECONDS:.0f} s"
            connection.stop(StreamError(errors.SILENT, message))
        elif connection.writing and now - connection.wrote_at > DEAD_AFTER_SECONDS:
            message = f"the worker read nothing for {DEAD_AFTER_SECONDS:.0f} s"
            connection.stop(StreamError(errors.NOT_READING, message))
        elif not session.lost:
            if now - connection.wrote_at >= HEARTBEAT_SECONDS * 0.9:
                connection.heartbeat()
            self._loop.call_later(HEARTBEAT_SECONDS, self._beat, session, connection)

    # ------------------------------------------------------------ the gateway stops

    def go_away(self, reason: str) -> None:
        """Tell every worker to finish what it holds and to dial again elsewhere."""
        for session, connection in self._connections.values():
            self._broker.drain(session)
            spread = random.randrange(RECONNECT_SPREAD_MS)  # noqa: S311 - spreads load, hides nothing
            connection.go_away(False, spread, reason)


async def _first_frame(context: Context) -> pb.WorkerFrame:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            frame = await context.read()
    except TimeoutError:
        message = f"no `hello` came within {HELLO_SECONDS:.0f} s"
        raise StreamError(errors.HELLO_TIMEOUT, message) from None
    if frame is NOT_A_FRAME:
        raise StreamError(errors.BAD_FRAME, "this is not a prack.v1.WorkerFrame")
    if not isinstance(frame, pb.WorkerFrame):
        raise StreamError(errors.HELLO_EXPECTED, "the stream ended before `hello`")
    return frame


def _parse(data: bytes) -> pb.WorkerFrame:
    try:
        return pb.WorkerFrame.FromString(data)
    except DecodeError:
        return NOT_A_FRAME
