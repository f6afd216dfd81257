"""A gateway without ports, and a worker that answers at once."""

import asyncio
import socket
from functools import cached_property, partial

from bench.apps.hello import HELLO
from bench.guarded import ANSWER, LIMITS, framed
from bench.no_socket import NoSocket
from fuzz.shown import certificates
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.composition.private_side import WORKER_LIMITS
from prack_grpc.composition.websockets import WebSockets
from prack_grpc.core.limits import BookLimits
from prack_grpc.gateway.app import Endpoint, PublicApp, State
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.proxy_protocol import Proxies
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.callers import Callers
from prack_grpc.private.health import Health
from prack_grpc.private.operators.steering import meshed
from prack_grpc.rest.app import WorkerApp, create_app
from prack_grpc.rest.polls import Polls
from prack_grpc.stream.hello import MINOR, limits_message
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.telemetry.books.books import Books
from prack_grpc.tls.handshakes import Handshakes
from prack_wire import websocket_events as events
from prack_wire.frames import Deframer

PEER = ("192.0.2.1", 4711)
FIRST_FRAME = pb.WorkerFrame(
    hello=pb.Hello(
        worker_id="fuzz",
        minor_min=MINOR,
        minor_max=MINOR,
        features=["websocket"],
        capacity=pb.Capacity(max_in_flight=4),
        limits=limits_message(LIMITS),
    )
)


class Gateway:
    """The public port, the worker API, and streams, over one broker."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(LIMITS)
        self.streams = Streams(self.broker, LIMITS)
        access = AccessLog(False, Books(BookLimits(), 0.0))
        state = State(endpoint=Endpoint(self.broker, Forwarding(), access, LIMITS))
        app, limits = PublicApp(), ConnectionLimits()
        sockets = WebSockets(app, LIMITS.websocket_message)
        self.admission = _everybody(limits)
        self._public = HttpServer(app, limits, self.admission, sockets, access=access)
        self._public.state.update(state)
        self._proxies = Proxies(lambda _: True, limits)

    def client(self) -> Connection:
        """A new connection to the public port."""
        return Connection(self._public)

    async def proxied(self, sock: socket.socket) -> None:
        """Have a socket become such a connection, once a proxy has said whose it is."""
        client = await self._proxies.client(sock, PEER)
        if client is not None:
            connection = partial(Connection, self._public, client)
            await asyncio.get_running_loop().connect_accepted_socket(connection, sock)

    async def greeted(self, sock: socket.socket) -> None:
        """The same after a TLS handshake."""
        await Handshakes(self._public, certificates()).greet(sock, PEER)

    @cached_property
    def api(self) -> WorkerApp:
        """The worker API; it takes a while to make."""
        health = Health()
        health.started = True
        cluster = Cluster("")
        steering = meshed(self.broker, cluster, LIMITS.max_paused)
        polls = Polls(self.broker, LIMITS)
        return create_app(polls, self.broker, LIMITS, Callers(None), health, steering, cluster)

    def worker(self) -> Connection:
        """A new connection to the worker API."""
        server = HttpServer(self.api, WORKER_LIMITS, _everybody(WORKER_LIMITS))
        return Connection(server)


def _everybody(limits: ConnectionLimits) -> Admission:
    return Admission(limits, exempt=lambda _: True)


class Worker:
    """Answers what is complete, and says on a WebSocket what it hears. Keeps what it was sent."""

    def __init__(self, streams: Streams) -> None:
        carrier = streams.carrier()
        assert carrier is not None
        self.requests: dict[int, pb.Request] = {}
        self._sockets: dict[int, events.Decoder] = {}
        self._frames = Deframer()
        self._carrier = carrier
        NoSocket(carrier, self._take)
        self._carrier.data_received(framed(FIRST_FRAME))

    def _take(self, data: bytes) -> None:
        self._frames.feed(data)
        while (message := self._frames.next()) is not None:
            self._heard(pb.GatewayFrame.FromString(message))

    def _heard(self, frame: pb.GatewayFrame) -> None:
        answer = pb.WorkerFrame()
        for request in frame.requests:
            self.requests[request.id] = request
            if request.upgrade:
                self._sockets[request.id] = events.Decoder(events.MAX_EVENT)
                answer.heads.add(id=request.id, status=101)
            elif request.end:
                self._answer(answer, request.id)
            else:
                answer.windows.add(id=request.id, max_offset=1 << 40)
        for data in frame.data:
            if data.id in self._sockets:
                self._echo(answer, data)
            else:
                self.requests[data.id].body += data.data
        for finish in frame.finishes:
            self.requests[finish.id].end = True
            self._answer(answer, finish.id)
        answer.aborts.extend(
            pb.Abort(id=one.id, code=pb.ABORT_CODE_CANCELLED) for one in frame.cancels
        )
        if answer.ByteSize():
            asyncio.get_running_loop().call_soon(self._carrier.data_received, framed(answer))

    def _answer(self, answer: pb.WorkerFrame, number: int) -> None:
        if number in self._sockets:
            answer.finishes.add(id=number)
        else:
            answer.heads.add(id=number, status=200, headers=ANSWER, body=HELLO, end=True)

    def _echo(self, answer: pb.WorkerFrame, data: pb.Data) -> None:
        for event in self._sockets[data.id].feed(data.data):
            if event.name != events.OPEN:
                answer.data.add(id=data.id, data=events.encode(*event))
