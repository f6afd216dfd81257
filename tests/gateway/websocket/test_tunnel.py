"""WebSockets whose handshake and frames are their worker's (proto/README.md section 10.5)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

from websockets.asyncio.client import connect as open_websocket
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_worker.exchange import Exchange
from prack_worker.stream.plain import TcpTransport
from prack_worker.transport import Identity
from prack_worker.worker import Worker
from tests.conftest import Gateway, Start
from tests.support.canary import canary, flood, running
from tests.support.client import RawClient
from tests.support.scripted_worker import CHUNK, WINDOW, ScriptedWorker, connect

ITS_WINDOW = 256 * 1024  # of a worker that does not say
KEY, ACCEPT = b"dGhlIHNhbXBsZSBub25jZQ==", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455, section 1.3
FIELDS = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: " + KEY,
    b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Extensions: permessage-deflate",
    b"Sec-WebSocket-Protocol: chat",
)
ACCEPTED = [b"sec-websocket-accept", ACCEPT, b"sec-websocket-protocol", b"chat"]


@dataclass
class Ends:
    """Both ends of a tunnel."""

    worker: ScriptedWorker
    number: int
    client: RawClient

    async def say(self, data: bytes) -> None:
        """The worker sends bytes."""
        await self.worker.send(data=[pb.Data(id=self.number, data=data)])

    async def finish(self) -> None:
        """The worker ends it."""
        await self.worker.send(finishes=[pb.Finish(id=self.number)])

    async def hears(self, data: bytes) -> None:
        """The worker gets these bytes."""
        heard = b""
        while len(heard) < len(data):
            heard += (await self.worker.event("data")).data
        assert heard == data


@asynccontextmanager
async def tunnelled(gateway: Gateway, early: bytes = b"", slots: int = 8) -> AsyncIterator[Ends]:
    """A tunnel that its worker has accepted; the client has sent something `early`."""
    async with connect(gateway.grpc_port) as worker:
        welcome = await worker.hello(features=["tunnel"], slots=slots)
        assert list(welcome.features) == ["tunnel"]
        client = await gateway.client()
        await client.get(b"/chat?room=1", *FIELDS)
        await client.send(early)
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101, headers=ACCEPTED)])
        assert (await client.head()).status == 101
        yield Ends(worker, request.id, client)


async def test_one_whose_handshake_had_to_wait_for_its_turn_is_read_on(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel"])
        client = await gateway.client()
        await client.send(b"OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n")
        await client.response()
        (connection,) = gateway.connections()
        connection.server.starts.left = 0  # as beside a crowd
        head = b"\r\n".join((b"GET /chat HTTP/1.1", b"Host: test", *FIELDS, b"", b""))
        for piece in (head[:30], head[30:]):
            connection.data_received(piece)
        number = (await worker.event("requests")).id
        await worker.send(heads=[pb.ResponseHead(id=number, status=101, headers=ACCEPTED)])
        assert (await client.response()).status == 101
        await client.send(b"hello")
        await Ends(worker, number, client).hears(b"hello")
        client.reset()


async def test_the_handshake_is_the_workers(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel", "websocket"])
        client = await gateway.client()
        await client.get(b"/chat?room=1", *FIELDS)
        request = await worker.event("requests")
        assert (request.upgrade, request.method, request.end) == (pb.UPGRADE_TUNNEL, b"GET", False)
        assert request.target == b"/chat?room=1"
        fields = list(zip(request.headers[::2], request.headers[1::2], strict=True))
        assert fields[-5:] == [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-key", KEY),
            (b"sec-websocket-version", b"13"),
            (b"sec-websocket-extensions", b"permessage-deflate"),
        ]
        assert (b"sec-websocket-protocol", b"chat") in fields
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101, headers=ACCEPTED)])
        head = await client.head()
        assert head.status == 101
        assert head.headers == [
            (b"connection", b"Upgrade"),
            (b"upgrade", b"websocket"),
            (b"sec-websocket-accept", ACCEPT),
            (b"sec-websocket-protocol", b"chat"),
        ]


async def test_bytes_pass_as_they_are(gateway: Gateway) -> None:
    async with tunnelled(gateway, early=b"\x00early") as ends:
        await ends.hears(b"\x00early")
        for data in (b"\xff\x00 no frame at all", b"\r\n\r\n", bytes(300_000)):
            await ends.client.send(data)
            await ends.worker.send(windows=[pb.Window(id=ends.number, max_offset=1 << 30)])
            await ends.hears(data)
            for start in range(0, len(data), 60_000):
                await ends.say(data[start : start + 60_000])
            assert await ends.client.reader.readexactly(len(data)) == data


async def test_body_bytes_may_come_with_the_101(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel"])
        client = await gateway.client()
        await client.get(b"/", *FIELDS)
        request = await worker.event("requests")
        head = pb.ResponseHead(id=request.id, status=101, headers=ACCEPTED, body=b"first")
        await worker.send(heads=[head])
        assert (await client.head()).status == 101
        assert await client.reader.readexactly(5) == b"first"


async def test_the_connection_ends_with_the_worker(gateway: Gateway) -> None:
    async with tunnelled(gateway) as ends:
        await ends.say(b"bye")
        await ends.finish()
        assert await ends.client.reader.read() == b"bye"
        await ends.client.send(b"too late")
        await ends.client.close()
        assert not ends.worker.seen("data")
        assert not ends.worker.seen("cancels")


async def test_a_client_that_ends_its_direction_still_gets_what_comes(gateway: Gateway) -> None:
    async with tunnelled(gateway) as ends:
        ends.client.writer.write_eof()
        assert (await ends.worker.event("finishes")).id == ends.number
        await ends.say(b"answer")
        await ends.finish()
        assert await ends.client.reader.read() == b"answer"


async def test_a_client_that_is_gone_cancels_it(gateway: Gateway) -> None:
    async with tunnelled(gateway) as ends:
        ends.client.reset()
        cancel = await ends.worker.event("cancels")
        assert (cancel.id, cancel.reason) == (ends.number, pb.CANCEL_REASON_CLIENT_GONE)


async def test_a_worker_that_is_lost_ends_the_connection(gateway: Gateway) -> None:
    async with tunnelled(gateway) as ends:
        ends.worker.call.cancel()
        assert await ends.client.closed()


async def test_a_client_is_read_no_further_than_the_worker_takes(gateway: Gateway) -> None:
    async with tunnelled(gateway) as ends:
        data = bytes(1 << 21)
        sending = asyncio.create_task(ends.client.send(data))
        await ends.hears(data[:ITS_WINDOW])
        await ends.worker.send(heartbeat=pb.Heartbeat(nonce=1))
        assert (await ends.worker.event("heartbeat")).echo == 1
        assert not ends.worker.seen("data")
        await ends.worker.send(windows=[pb.Window(id=ends.number, max_offset=len(data))])
        await ends.hears(data[ITS_WINDOW:])
        await sending


async def test_a_client_that_takes_nothing_is_reset(start: Start) -> None:
    gateway = await start(ConnectionLimits(write_seconds=0.1))
    async with tunnelled(gateway) as ends:
        ends.client.stop_reading()
        sent, granted = 0, WINDOW
        while not ends.worker.seen("cancels"):
            if sent < granted:
                await ends.say(bytes(CHUNK))
                sent += CHUNK
            elif ends.worker.seen("windows"):
                granted = (await ends.worker.event("windows")).max_offset
            else:
                await ends.worker.changed()
        assert (await ends.worker.event("cancels")).reason == pb.CANCEL_REASON_CLIENT_GONE


async def test_others_have_their_turn_beside_a_flood(gateway: Gateway) -> None:
    async with canary(gateway) as bird, tunnelled(gateway) as ends:
        await ends.worker.send(windows=[pb.Window(id=ends.number, max_offset=1 << 40)])
        async with running(flood(ends.client, bytes(256 * 1024))):
            await bird.answers(50)
        await ends.worker.event("data")  # it is passed on
        ends.client.reset()


async def test_others_have_their_turn_while_what_is_too_late_is_dropped(gateway: Gateway) -> None:
    async with canary(gateway) as bird, tunnelled(gateway) as ends:
        await ends.finish()
        assert await ends.client.closed()
        async with running(flood(ends.client, bytes(256 * 1024))):
            await bird.answers(50)


async def test_a_silent_one_is_ended(start: Start) -> None:
    gateway = await start(websocket_idle=0.1)
    async with tunnelled(gateway) as ends:
        cancel = await ends.worker.event("cancels")
        assert (cancel.id, cancel.reason) == (ends.number, pb.CANCEL_REASON_DEADLINE)
        assert await ends.client.closed()


async def test_it_takes_a_slot_of_websockets(gateway: Gateway) -> None:
    async with tunnelled(gateway, slots=1) as ends:
        other = await gateway.client()
        await other.get(b"/", *FIELDS)
        await ends.finish()
        request = await ends.worker.event("requests")
        assert request.upgrade == pb.UPGRADE_TUNNEL


async def test_a_refusal_is_an_ordinary_response(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel"])
        client = await gateway.client()
        await client.get(b"/", *FIELDS)
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=403, body=b"no", end=True)])
        response = await client.response()
        assert (response.status, response.body) == (403, b"no")


async def test_a_bad_handshake_never_reaches_the_worker(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["tunnel"])
        client = await gateway.client()
        await client.get(b"/", *(field for field in FIELDS if b"Key" not in field))
        assert (await client.response()).status == 400
        assert not worker.seen("requests")


async def test_a_gateway_that_stops_ends_it(start: Start) -> None:
    gateway = await start()
    async with tunnelled(gateway) as ends:
        gateway.running.broker.shut_down()
        cancel = await ends.worker.event("cancels")
        assert (cancel.id, cancel.reason) == (ends.number, pb.CANCEL_REASON_SHUTDOWN)
        assert await ends.client.closed()


class Library:
    """An application of prack-worker that leaves WebSockets, with compression, to a library."""

    interruptible = tunnels = True

    def running(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def handle(self, exchange: Exchange) -> None:
        """Accept, and send each message back."""
        protocol = ServerProtocol(max_size=None, extensions=[ServerPerMessageDeflateFactory()])
        lines = [b"%b: %b" % field for field in exchange.request.headers]
        protocol.receive_data(b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""]))
        (request,) = protocol.events_received()
        assert isinstance(request, Request)
        answer = protocol.accept(request)
        given = [(name.encode(), value.encode()) for name, value in answer.headers.raw_items()]
        await exchange.send_head(answer.status_code, given)
        protocol.send_response(answer)
        protocol.data_to_send()  # the gateway has made a head of it
        while not protocol.close_expected():
            protocol.receive_data((await exchange.receive_body())[0])
            for event in protocol.events_received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    protocol.send_text(event.data)
            await exchange.send_body(b"".join(protocol.data_to_send()))
        await exchange.send_body(b"", end=True)


async def test_a_library_of_the_worker_speaks_with_the_client(gateway: Gateway) -> None:
    transport = TcpTransport(f"127.0.0.1:{gateway.api_port}", Identity("w1"))
    worker = Worker(Library(), transport, slots=1)
    task = asyncio.create_task(worker.run())
    async with open_websocket(
        f"ws://127.0.0.1:{gateway.port}/", proxy=None, max_size=None
    ) as client:
        assert client.response is not None
        assert "permessage-deflate" in client.response.headers["Sec-WebSocket-Extensions"]
        for text in ("hello", "", "x" * 3_000_000):
            await client.send(text)
            assert await client.recv() == text
    assert (client.close_code, gateway.running.broker.status().queue.open_leases) == (1000, 0)
    worker.drain()
    await asyncio.wait_for(task, 10)
