"""The first frame of a worker: what it says, checked (proto/README.md section 2)."""

from dataclasses import dataclass

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.errors import BadRoute
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import KIB, MAX_HEAD, MAX_TIER, Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import LABEL, LABEL_EXPECTED, NAME, NAME_EXPECTED
from prack_grpc.stream import errors
from prack_grpc.stream.errors import StreamError

MINOR = 1
WEBSOCKET, TUNNEL, PAUSE = "websocket", "tunnel", "pause"
MAX_HELLO = 256 * KIB  # bytes, with all the routes that there may be
FEATURES = frozenset((WEBSOCKET, TUNNEL, PAUSE))
MAX_INSTANCE = 64
DEFAULT_WINDOW = 256 * KIB  # of a worker that does not say, section 5.1
Slots = tuple[int, int]  # of a worker, and those of WebSockets


@dataclass(frozen=True, slots=True)
class Hello:
    """A checked hello. `initial_window` is the request body bytes that may be sent unasked.

    `instance` is known to the worker's process only, and empty if the worker has none.
    """

    worker: str
    service: str
    version: str
    slots: int
    routes: tuple[Route, ...]
    initial_window: int
    features: frozenset[str]
    tier: int
    instance: bytes
    websocket_slots: int

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of exchanges that this worker serves."""
        sockets = not self.features.isdisjoint((WEBSOCKET, TUNNEL))
        return (Kind.HTTP, Kind.WEBSOCKET) if sockets else (Kind.HTTP,)


def read_hello(frame: pb.WorkerFrame, limits: Limits) -> Hello:
    """The hello of a first frame. Raises StreamError."""
    if not frame.HasField("hello"):
        raise StreamError(errors.HELLO_EXPECTED, "the first frame must contain `hello`")
    if (size := frame.ByteSize()) > MAX_HELLO:
        message = f"the first frame has {size} bytes; at most {MAX_HELLO} are taken"
        raise StreamError(errors.BAD_HELLO, message)
    hello = frame.hello
    if not hello.minor_min <= MINOR <= hello.minor_max:
        raise StreamError(
            errors.VERSION_UNSUPPORTED,
            f"this gateway supports minor {MINOR}, the worker {hello.minor_min} to "
            f"{hello.minor_max}: update the older one",
        )
    if not NAME.fullmatch(hello.worker_id):
        raise StreamError(errors.BAD_HELLO, f"worker_id: {NAME_EXPECTED}")
    for name, value in (("service", hello.service), ("version", hello.version)):
        if not LABEL.fullmatch(value):
            raise StreamError(errors.BAD_HELLO, f"{name}: {LABEL_EXPECTED}")
    slots, websocket_slots = read_slots(hello.capacity, limits)
    return Hello(
        hello.worker_id,
        hello.service,
        hello.version,
        slots,
        _routes(hello, limits),
        hello.limits.initial_window or DEFAULT_WINDOW,
        FEATURES.intersection(hello.features),
        _tier(hello),
        _instance(hello),
        websocket_slots,
    )


def read_slots(capacity: pb.Capacity, limits: Limits) -> Slots:
    """The slots of a capacity. Raises StreamError."""
    slots, sockets, most = capacity.max_in_flight, capacity.max_websockets, limits.max_slots
    for name, value, least in (("max_in_flight", slots, 1), ("max_websockets", sockets, 0)):
        if not least <= value <= most:
            message = f"capacity.{name}: {value} is not between {least} and {most}"
            raise StreamError(errors.BAD_CAPACITY, message)
    return slots, sockets


def _tier(hello: pb.Hello) -> int:
    if hello.tier > MAX_TIER:
        message = f"tier: {hello.tier} is not between 0 and {MAX_TIER}"
        raise StreamError(errors.BAD_HELLO, message)
    return hello.tier


def _instance(hello: pb.Hello) -> bytes:
    if len(hello.instance) > MAX_INSTANCE:
        raise StreamError(errors.BAD_HELLO, f"instance: more than {MAX_INSTANCE} bytes")
    return hello.instance


def _routes(hello: pb.Hello, limits: Limits) -> tuple[Route, ...]:
    if len(hello.routes) > limits.session_routes:
        message = f"routes: {len(hello.routes)}, at most {limits.session_routes} are taken"
        raise StreamError(errors.BAD_HELLO, message)
    try:
        routes = [Route.of(r.host, r.path, list(r.methods)) for r in hello.routes]
    except BadRoute as error:
        raise StreamError(errors.BAD_HELLO, f"routes: {error}") from error
    distinct = tuple(dict.fromkeys(routes)) or (Route(),)
    if len(distinct) > limits.session_routes:
        message = f"routes: a worker may serve at most {limits.session_routes} routes"
        raise StreamError(errors.BAD_HELLO, message)
    return distinct


def limits_message(limits: Limits) -> pb.Limits:
    """What this gateway takes."""
    return pb.Limits(
        max_chunk_bytes=limits.chunk,
        initial_window=limits.window,
        max_header_bytes=MAX_HEAD,
        max_slots=limits.max_slots,
    )
