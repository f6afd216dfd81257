"""All streams: admits workers, watches that they live, and lets them go."""

import asyncio
import hmac
import logging
import random
import secrets
from collections.abc import Callable

from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.seam import Membership, WorkerSide
from prack_grpc.core.errors import BadRoute, OutOfScope, TooManySessions
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import TRUSTED, Principal, Profile
from prack_grpc.stream import errors
from prack_grpc.stream.carrier import Carrier
from prack_grpc.stream.errors import NotAFrame, StreamError
from prack_grpc.stream.frame import parse
from prack_grpc.stream.hello import MINOR, TUNNEL, Hello, limits_message, read_hello
from prack_grpc.stream.outbox import Outbox
from prack_grpc.stream.plain_carrier import PlainCarrier
from prack_grpc.stream.stream import Stream
from prack_grpc.telemetry.complaint import Complaint
from prack_wire import heap
from prack_wire.frames import FrameTooLong

log = logging.getLogger(__name__)

ENDED = "closed a worker's stream because of an error"
HELLO_SECONDS = 5.0
MAX_OPENING = 1000  # streams that have not said hello yet
MAX_SILENCE = 15.0  # seconds
BEATS = 3  # heartbeats within the longest silence
LAST_SECONDS = 1.0  # for a worker to read its last frame and to hang up
# A fleet that was told to dial again must not return in one step: a worker every so often, but all
# of them within so long.
RECONNECT_STEP_MS = 10
RECONNECT_SPREAD_MS = 1000


class Streams:
    """All streams of this gateway.

    Args:
        max_silence: seconds without a frame of a worker, or with one that it does not read, until
            it counts as lost.

    `joined` is told of each worker: the name of its principal, its id and its instance.
    """

    def __init__(
        self, broker: WorkerSide, limits: Limits, max_silence: float = MAX_SILENCE
    ) -> None:
        self._broker = broker
        self.limits = limits
        self.max_silence = max_silence
        self._beat_seconds = max_silence / BEATS
        self._loop = asyncio.get_running_loop()
        self._gateway_id = secrets.token_hex(8)
        self._streams: dict[tuple[Principal, str], Stream] = {}
        self._instances: dict[Stream, bytes] = {}
        self._plain: set[asyncio.Task[None]] = set()
        self._opening = 0
        self._greeting: set[Carrier] = set()
        self._reason = ""  # why workers are sent away
        self.joined: Callable[[str, str, bytes], None] = lambda *_: None
        self._errors = Complaint(log, "stream_error", ENDED, most=20)
        heap.keep()
        self._tidy(heap.Spare())

    # ------------------------------------------------------------ plain connections

    def carrier(self, principal: Principal = TRUSTED) -> PlainCarrier | None:
        """What serves an upgraded connection; None when workers are sent away."""
        return None if self._reason else PlainCarrier(self._adopt, principal)

    @property
    def greeting(self) -> int:
        """How many upgraded connections have not said who they are, or have said it wrongly."""
        return len(self._greeting)

    @property
    def connected(self) -> int:
        """How many workers have a stream."""
        return len(self._streams)

    def _adopt(self, carrier: PlainCarrier) -> None:
        self._greeting.add(carrier)
        task = self._loop.create_task(self._serve_plain(carrier), name="stream")
        self._plain.add(task)
        task.add_done_callback(self._plain.discard)

    async def _serve_plain(self, carrier: PlainCarrier) -> None:
        try:
            await self.serve(carrier)
        finally:
            await carrier.hang_up(LAST_SECONDS)
            self._greeting.discard(carrier)

    async def stop(self, grace: float) -> None:
        """End what no gRPC server ends, at the latest after `grace` seconds."""
        if self._plain:
            await asyncio.wait(self._plain, timeout=grace)
        for task in self._plain:
            task.cancel()
        await asyncio.gather(*self._plain, return_exceptions=True)

    # ------------------------------------------------------------ one stream

    async def serve(self, carrier: Carrier) -> StreamError | None:
        """One worker, from its hello to its end. Returns the error that it was told at last."""
        try:
            stream, name = await self._open(carrier)
            self._greeting.discard(carrier)
            try:
                await stream.run()
            finally:
                del self._instances[stream]
                if self._streams.get(name) is stream:
                    del self._streams[name]
        except StreamError as error:
            about = {"peer": carrier.peer, "principal": carrier.principal.name}
            self._errors.make(**about, code=error.kind.code, reason=error.message)
            # What it holds of the stack holds the stream, whose tasks hold the error.
            error.__traceback__ = error.__context__ = None
            return error
        return None

    async def _open(self, carrier: Carrier) -> tuple[Stream, tuple[Principal, str]]:
        self._opening += 1
        try:
            if self._opening > MAX_OPENING:
                message = f"more than {MAX_OPENING} streams have not said hello yet"
                raise StreamError(errors.TOO_MANY_WORKERS, message)
            hello = read_hello(await _first_frame(carrier), self.limits)
            carrier.greeted()
            name = carrier.principal, hello.worker
            return self._admit(hello, name, carrier), name
        except StreamError as error:
            frame = pb.GatewayFrame()
            error.tell(frame.error)
            await carrier.write(frame.SerializeToString())
            raise
        finally:
            self._opening -= 1

    def _admit(self, hello: Hello, name: tuple[Principal, str], carrier: Carrier) -> Stream:
        older = self._streams.get(name)
        if older is not None:
            self._check_process(older, hello)
        outbox = Outbox(self._broker, self.limits, hello.initial_window)
        self._welcome(outbox, hello)
        member = self._join(hello, carrier, outbox)
        slots = hello.slots, hello.websocket_slots
        stream = Stream(self._broker, self.limits, member, outbox, carrier, self._loop.time, slots)
        self._streams[name] = stream
        self._instances[stream] = hello.instance
        if older is not None:
            message = "a newer stream of the same process has taken over"
            older.stop(StreamError(errors.REPLACED, message))
        self._loop.call_later(self._beat_seconds, self._beat, stream)
        if self._reason:
            stream.send_away(self._soon(), self._reason)
        self.joined(carrier.principal.name, hello.worker, hello.instance)
        return stream

    def _check_process(self, older: Stream, hello: Hello) -> None:
        """Who has the name of a living worker must be its process. Raises StreamError."""
        known = self._instances[older]
        if not known or not hmac.compare_digest(known, hello.instance):
            message = "another process with this worker_id is connected; give each its own"
            raise StreamError(errors.WORKER_ID_TAKEN, message)

    def _welcome(self, outbox: Outbox, hello: Hello) -> None:
        welcome = outbox.control().welcome
        welcome.session_id = secrets.token_hex(8)
        welcome.gateway_id = self._gateway_id
        welcome.minor = MINOR
        welcome.features.extend(sorted(hello.features))
        welcome.limits.CopyFrom(limits_message(self.limits))
        welcome.heartbeat_ms = int(self._beat_seconds * 1000)
        welcome.dead_after_ms = int(self.max_silence * 1000)

    def _join(self, hello: Hello, carrier: Carrier, outbox: Outbox) -> Membership:
        try:
            member = self._broker.join(_profile(hello, carrier), carrier.principal, outbox)
        except OutOfScope as error:
            kind = errors.REVOKED if carrier.principal.revoked else errors.NOT_ALLOWED
            raise StreamError(kind, str(error)) from error
        except BadRoute as error:  # the hello was checked: it is the gateway that has too many
            raise StreamError(errors.TOO_MANY_ROUTES, str(error)) from error
        except TooManySessions as error:
            raise StreamError(errors.TOO_MANY_WORKERS, str(error)) from error
        log.info(
            "worker connected",
            extra={
                "action": "worker_connected",
                "worker": hello.worker,
                "service": hello.service,
                "version": hello.version,
                "slots": hello.slots,
                "routes": ", ".join(map(str, hello.routes)),
                "principal": carrier.principal.name,
                **({"certificate": carrier.certificate.name} if carrier.certificate else {}),
            },
        )
        return member

    def _beat(self, stream: Stream) -> None:
        """Speak when there was silence, and end the stream after too much of it."""
        now = self._loop.time()
        silent = now - stream.heard_at
        blocked = now - stream.wrote_at if stream.writing else 0.0
        if silent >= self.max_silence:
            message = f"nothing was received for {self.max_silence:g} s"
            stream.stop(StreamError(errors.SILENT, message))
        elif blocked >= self.max_silence:
            message = f"the worker did not read for {self.max_silence:g} s"
            stream.stop(StreamError(errors.NOT_READING, message))
        elif not stream.ended:
            if now - stream.wrote_at >= self._beat_seconds * 0.9:
                stream.heartbeat()
            left = self.max_silence - max(silent, blocked)
            self._loop.call_later(min(self._beat_seconds, left), self._beat, stream)

    def expel(self, principal: Principal) -> None:
        """End the streams of this principal, which was revoked."""
        for stream in self._instances:
            if stream.principal is principal:
                message = "these credentials were revoked, or have expired"
                stream.stop(StreamError(errors.REVOKED, message))

    def moved(self, principal: Principal, worker: str, instance: bytes) -> None:
        """The process of a worker has said hello to another gateway, and no longer needs us.

        One that was sent away still finishes here what it holds.
        """
        stream = self._streams.get((principal, worker))
        if stream is None or self._reason or not instance:
            return
        if hmac.compare_digest(self._instances[stream], instance):
            message = "a newer stream of the same process is at another gateway"
            stream.stop(StreamError(errors.REPLACED, message))

    def renew(self, principal: Principal) -> None:
        """Have the workers of this principal dial again, with a newer token if they have one.

        What they hold they finish here. Their names are free: they may dial with the same token.
        """
        for name, stream in list(self._streams.items()):
            if stream.principal is principal:
                del self._streams[name]
                stream.dismiss(self._soon(), "the token of this worker ends soon")

    def _tidy(self, spare: heap.Spare) -> None:
        spare.give_back()
        self._loop.call_later(heap.LOOK_SECONDS, self._tidy, spare)

    # ------------------------------------------------------------ the gateway stops

    def send_away(self, reason: str) -> None:
        """Have every worker dial another gateway; here it goes on for what is still to be done."""
        self._reason = reason
        for stream in self._streams.values():
            stream.send_away(self._soon(), reason)

    def dismiss(self, reason: str) -> None:
        """Give every worker nothing more: it finishes what it holds, then ends its stream."""
        self._reason = reason
        for stream in self._streams.values():
            stream.dismiss(self._soon(), reason)

    def _soon(self) -> int:
        """When a worker should dial again, in milliseconds."""
        spread = min(RECONNECT_SPREAD_MS, RECONNECT_STEP_MS * len(self._streams))
        return 1 + random.randrange(max(spread, 1))  # noqa: S311 - spreads load, hides nothing


def _profile(hello: Hello, carrier: Carrier) -> Profile:
    return Profile(
        hello.worker,
        hello.slots,
        True,
        hello.routes,
        hello.service,
        hello.version,
        hello.kinds,
        hello.tier,
        websocket_slots=hello.websocket_slots,
        transport=carrier.transport,
        address=carrier.peer,
        tunnel=TUNNEL in hello.features,
    )


async def _first_frame(carrier: Carrier) -> pb.WorkerFrame:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            data = await carrier.receive()
    except TimeoutError:
        message = f"no `hello` within {HELLO_SECONDS:.0f} s"
        raise StreamError(errors.HELLO_TIMEOUT, message) from None
    except FrameTooLong as error:
        raise NotAFrame(str(error)) from None
    if data is None:
        raise StreamError(errors.HELLO_EXPECTED, "the stream ended before `hello`")
    return parse(data)
