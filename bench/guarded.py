"""The work that the guard counts: `python -m bench.guarded SIDE EXCHANGES`, without sockets.

gateway   bytes of requests into the public port, frames out to a worker and its answers back in,
          bytes of responses out: all that a gateway does for an exchange
blind     the same without books
linked    the same for a gateway that has seven peers, which want nothing
relayed   the same for two gateways, the worker at the one and the clients at the other
rest      the same for ten pollers of the REST API: a call for each request, one for each answer
raw       the same with messages of HTTP in place of JSON
worker    frames of requests into prack-worker, a bare ASGI application, frames of answers out

Ten exchanges go together, as under the load of some thirty connections.
"""

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from functools import partial

from bench.apps.hello import HELLO, app
from bench.client import get, run
from bench.lending.worker import Worker as Guest
from bench.no_socket import NoSocket, untimed
from bench.pollers import RAW_POLL, answer, polling, raw_answer
from bench.rest_worker import POLL
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.broker.seam import Broker
from prack_grpc.broker.ticket import Identifiers
from prack_grpc.bus.sockets import SocketLink
from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.limits import BookLimits, Limits
from prack_grpc.core.queue.routes import Route
from prack_grpc.gateway.app import Endpoint, PublicApp, State
from prack_grpc.gateway.http.admission import Admission
from prack_grpc.gateway.http.connection import Connection
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.server import HttpServer
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.peers.peer import Here
from prack_grpc.peers.peer import Peer as Linked
from prack_grpc.stream.hello import MINOR, limits_message
from prack_grpc.stream.streams import Streams
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.telemetry.books.books import Books
from prack_wire.frames import LENGTH, Deframer
from prack_worker.asgi.application import AsgiApplication
from prack_worker.stream.plain import TcpCarrier, TcpTransport
from prack_worker.transport import Identity
from prack_worker.worker import Worker

TOGETHER = 10
MANY_BYTES = 64 * 1024
LIMITS = Limits()
OFFER = Offer((Route(),), "", "", (Kind.HTTP,), 0)
GUEST = Guest()
HELLO_FRAME = pb.WorkerFrame(
    hello=pb.Hello(
        worker_id="guard",
        minor_min=MINOR,
        minor_max=MINOR,
        capacity=pb.Capacity(max_in_flight=TOGETHER),
        limits=limits_message(LIMITS),
    )
)
WELCOME_FRAME = pb.GatewayFrame(welcome=pb.Welcome(minor=MINOR, limits=limits_message(LIMITS)))
ANSWER = [b"content-type", b"text/plain", b"content-length", b"%d" % len(HELLO)]
# What the gateway makes of a request of bench.client.
REQUEST = pb.Request(
    request_id="0123456789abcdef0123456789abcdef",
    attempt=1,
    deadline_ms=60_000,
    method=b"GET",
    scheme=b"http",
    authority=b"shop.example.com",
    target=b"/",
    http_version=b"1.1",
    headers=[part for line in get().split(b"\r\n")[1:-2] for part in line.split(b": ", 1)],
    end=True,
    client=pb.Client(ip="192.0.2.2", port=4711),
)


class Turn:
    """Ten exchanges, and how many of them are answered."""

    def __init__(self) -> None:
        self._answered = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, data: bytes) -> None:
        """As many are answered as bodies were written."""
        self._answered += data.count(HELLO)
        if self._answered == TOGETHER:
            self._answered = 0
            self.done.set_result(None)

    async def wait(self) -> None:
        """For the last answer; then the next turn may begin."""
        await self.done
        self.done = asyncio.get_running_loop().create_future()


def framed(frame: pb.WorkerFrame | pb.GatewayFrame) -> bytes:
    """As it comes over a plain connection."""
    message = frame.SerializeToString()
    return LENGTH.pack(len(message)) + message


class FakeWorker:
    """Answers the frames of a gateway, as soon as the loop has its next turn."""

    def __init__(self, streams: Streams) -> None:
        carrier = streams.carrier()
        assert carrier is not None
        self._frames = Deframer()
        self._carrier = carrier
        NoSocket(carrier, self._take)
        carrier.data_received(framed(HELLO_FRAME))

    def _take(self, data: bytes) -> None:
        self._frames.feed(data)
        while (message := self._frames.next()) is not None:
            answers = pb.WorkerFrame()
            for request in pb.GatewayFrame.FromString(message).requests:
                answers.heads.add(id=request.id, status=200, headers=ANSWER, body=HELLO, end=True)
            if answers.heads:
                loop = asyncio.get_running_loop()
                loop.call_soon(self._carrier.data_received, framed(answers))


def streaming(host: Broker) -> None:
    """A worker with a stream dials in."""
    FakeWorker(Streams(host, LIMITS))


class Peer:
    """Implements `core.receivers.PeerReceiver`: it has no workers and no clients."""

    gateway = "0badcafe"

    def offer(self, number: int, offer: Offer) -> None:
        """See PeerReceiver."""

    def gone(self, number: int) -> None:
        """See PeerReceiver."""

    def lend(self, number: int, slots: int, returned: int) -> None:
        """See PeerReceiver."""

    def recall(self, number: int, count: int) -> None:
        """See PeerReceiver."""

    def released(self, id_: str) -> None:
        """See PeerReceiver."""

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        """See PeerReceiver."""

    def give_back(self, number: int, count: int) -> None:
        """See PeerReceiver."""


async def linked(turns: int) -> None:
    """With the other seven of eight gateways."""
    broker = LinkedBroker(LIMITS)
    for _ in range(7):
        peer = Peer()
        broker.link(peer)
        broker.offered(peer, 1, OFFER, GUEST)
    await serve(broker, broker, turns)


async def relayed(turns: int) -> None:
    """With all workers at the other of two gateways."""
    names = "0badcafe", "5afeca5e"
    owner, host = brokers = LinkedBroker(LIMITS), LinkedBroker(LIMITS)
    loop = asyncio.get_running_loop()
    links = [
        SocketLink(name, name == names[0], lambda _: True, partial(peer, name, broker))
        for name, broker in zip(names, brokers, strict=True)
    ]
    for one, other in (links, links[::-1]):
        NoSocket(one, partial(passed, loop, other))
    await serve(owner, host, turns)
    for one in links:
        one.close("all are counted")


def passed(loop: asyncio.AbstractEventLoop, link: SocketLink, data: bytes) -> None:
    """To the other end, which reads it in its next turn."""
    loop.call_soon(link.data_received, data)


def peer(name: str, broker: LinkedBroker, link: SocketLink) -> Linked:
    """Of the gateway of this name."""
    here = Here(name, broker, LIMITS, Identifiers(name).next, {}, lambda *_: None)
    return Linked(link, here, lambda: None)


async def gateway(turns: int) -> None:
    """Without any."""
    broker = MemoryBroker(LIMITS)
    await serve(broker, broker, turns)


async def blind(turns: int) -> None:
    """The same with `--no-metrics`."""
    broker = MemoryBroker(LIMITS)
    await serve(broker, broker, turns, books=False)


async def rest(turns: int) -> None:
    """Without any gateway either, and without a stream."""
    broker = MemoryBroker(LIMITS)
    await serve(broker, broker, turns, dial=partial(polling, TOGETHER, POLL, answer))


async def raw(turns: int) -> None:
    """The same without JSON."""
    broker = MemoryBroker(LIMITS)
    await serve(broker, broker, turns, dial=partial(polling, TOGETHER, RAW_POLL, raw_answer))


class Clients:
    """Ten connections of clients at a gateway of their own; workers dial the host."""

    def __init__(
        self,
        broker: Broker,
        host: Broker,
        books: Books | None,
        dial: Callable[[Broker], None] = streaming,
    ) -> None:
        self._turn, limits = Turn(), ConnectionLimits()
        endpoint = Endpoint(broker, Forwarding(), AccessLog(False, books), LIMITS)
        dial(host)
        state = State(endpoint=endpoint)
        app = PublicApp()
        server = untimed(HttpServer(app, limits, Admission(limits, exempt=lambda _: True)))
        server.state.update(state)
        self._connections = [Connection(server) for _ in range(TOGETHER)]
        for connection in self._connections:
            NoSocket(connection, self._turn.take)

    async def ask(self, turns: int) -> None:
        """One request after the other on each connection."""
        for _ in range(turns):
            for connection in self._connections:
                connection.data_received(get())
            await self._turn.wait()


async def serve(
    broker: Broker,
    host: Broker,
    turns: int,
    books: bool = True,
    dial: Callable[[Broker], None] = streaming,
) -> None:
    """A gateway with these, and its clients."""
    await Clients(broker, host, Books(BookLimits(), 0.0) if books else None, dial).ask(turns)


class Dialled(TcpTransport):
    """Has its connection already."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__("nowhere", Identity("guard"))
        self._sock = sock

    async def _dial(self, token: str | None) -> TcpCarrier:
        """See StreamTransport."""
        loop = asyncio.get_running_loop()
        _, carrier = await loop.create_connection(TcpCarrier, sock=self._sock)
        return carrier


async def worker(turns: int) -> None:
    """Ten requests in each frame."""
    turn, loop = Turn(), asyncio.get_running_loop()
    here, there = socket.socketpair()
    there.setblocking(False)
    there.send(framed(WELCOME_FRAME))
    loop.add_reader(there, lambda: turn.take(there.recv(MANY_BYTES)))
    serving = Worker(AsgiApplication(app), Dialled(here), slots=TOGETHER)
    running = asyncio.create_task(serving.run())
    for number in range(turns):
        frame = pb.GatewayFrame(requests=[REQUEST] * TOGETHER)
        for place, request in enumerate(frame.requests, 1):
            request.id = number * TOGETHER + place
        there.send(framed(frame))
        await turn.wait()
    loop.remove_reader(there)
    there.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


SIDES = {
    "gateway": gateway,
    "blind": blind,
    "linked": linked,
    "relayed": relayed,
    "rest": rest,
    "raw": raw,
    "worker": worker,
}


if __name__ == "__main__":
    gc.disable()  # when it runs depends on what was imported before
    run(SIDES[sys.argv[1]](int(sys.argv[2]) // TOGETHER))
