"""WebSockets over real sockets: the `websockets` client outside, a scripted worker inside."""

import asyncio
import random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, InvalidStatus

from prack.v1 import worker_pb2 as pb
from prack_wire import websocket_events as events
from prack_wire.websocket_events import Decoder, Event
from tests.conftest import Gateway, Start
from tests.support.scripted_worker import ScriptedWorker, connect

SECONDS = 5


class Socket:
    """The worker's end of one WebSocket."""

    def __init__(self, worker: ScriptedWorker, request: pb.Request) -> None:
        self.worker, self.request = worker, request
        self._decoder = Decoder(1 << 20)
        self._events: list[Event] = []

    @classmethod
    async def opened(cls, worker: ScriptedWorker, *headers: bytes) -> "Socket":
        """Accept the next one."""
        request = await worker.event("requests")
        head = pb.ResponseHead(id=request.id, status=101, headers=headers)
        await worker.send(heads=[head])
        return cls(worker, request)

    async def event(self) -> Event:
        """The client's next event."""
        while not self._events:
            data = await self.worker.event("data")
            self._events += self._decoder.feed(data.data)
        return self._events.pop(0)

    async def send(self, name: bytes, data: bytes) -> None:
        """One event to the client."""
        encoded = events.encode(name, data)
        await self.worker.send(data=[pb.Data(id=self.request.id, data=encoded)])


async def websocket(gateway: Gateway, path: str = "/ws", **options: Any) -> ClientConnection:
    return await open_websocket(f"ws://127.0.0.1:{gateway.port}{path}", proxy=None, **options)


async def closed(client: ClientConnection) -> tuple[int, str]:
    """How the connection was closed."""
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(SECONDS):
            await client.recv()
    return client.close_code or 0, client.close_reason or ""


async def hello(worker: ScriptedWorker, **fields: Any) -> None:
    welcome = await worker.hello(features=["websocket", "unknown"], **fields)
    assert list(welcome.features) == ["websocket"]


async def test_messages_go_both_ways(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway, "/chat?room=1", subprotocols=["b", "a"]))
        socket = await Socket.opened(worker, b"sec-websocket-protocol", b"a", b"x-one", b"1")
        request = socket.request
        assert (request.upgrade, request.method) == (pb.UPGRADE_WEBSOCKET, b"GET")
        assert request.target == b"/chat?room=1"
        assert b"sec-websocket-key" not in request.headers
        assert b"b, a" in request.headers
        async with await opening as client:
            assert client.subprotocol == "a"
            assert client.response is not None
            assert client.response.headers["x-one"] == "1"
            await client.send("hällo")
            assert await socket.event() == (events.TEXT, "hällo".encode())
            await client.send(b"\x00\xff")
            assert await socket.event() == (events.BINARY, b"\x00\xff")
            await socket.send(events.TEXT, "grüß dich".encode())
            await socket.send(events.BINARY, b"")
            assert await client.recv() == "grüß dich"
            assert await client.recv() == b""
            large = bytes(300_000)
            await client.send([large[:100_000], large[100_000:]])
            await worker.send(windows=[pb.Window(id=request.id, max_offset=1 << 30)])
            assert await socket.event() == (events.BINARY, large)


async def test_the_clients_close_reaches_the_worker(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        client = await opening
        closing = asyncio.create_task(client.close(4001, "enough"))
        event = await socket.event()
        assert (event.name, events.close_code(event.data)) == (events.CLOSE, (4001, "enough"))
        assert (await worker.event("finishes")).id == socket.request.id
        await worker.send(finishes=[pb.Finish(id=socket.request.id)])
        await closing


async def test_the_workers_close_reaches_the_client(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker, slots=1)
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        async with await opening as client:
            await socket.send(events.CLOSE, events.close_data(4002, "bye"))
            await worker.send(finishes=[pb.Finish(id=socket.request.id)])
            assert await closed(client) == (4002, "bye")
        # The slot is free for a plain request.
        plain = await gateway.client()
        await plain.get()
        await worker.answer(await worker.event("requests"))
        assert (await plain.response()).status == 200


async def test_a_refusal_is_an_ordinary_response(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        request = await worker.event("requests")
        head = pb.ResponseHead(
            id=request.id, status=403, headers=[b"x-why", b"no"], body=b"not you", end=True
        )
        await worker.send(heads=[head])
        with pytest.raises(InvalidStatus) as caught:
            await opening
        response = caught.value.response
        assert (response.status_code, response.headers["x-why"]) == (403, "no")
        assert response.body == b"not you"


async def test_a_lost_client_cancels_the_exchange(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        client = await opening
        client.transport.abort()
        cancel = await worker.event("cancels")
        assert (cancel.id, cancel.reason) == (socket.request.id, pb.CANCEL_REASON_CLIENT_GONE)


async def test_a_lost_worker_is_a_service_restart(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        await Socket.opened(worker)
        async with await opening as client:
            await worker.close()
            assert (await closed(client))[0] == 1012


async def test_a_gateway_that_stops_goes_away(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        await Socket.opened(worker)
        async with await opening as client:
            gateway.running.broker.shut_down()
            assert (await closed(client))[0] == 1001
            assert (await worker.event("cancels")).reason == pb.CANCEL_REASON_SHUTDOWN


NO_EVENTS = [
    b"NONSENSE",
    b"text 1\r\na\r\n",
    b"TEXT 1\r\n\xff\r\n",
    events.encode(events.CLOSE, (1006).to_bytes(2, "big")),
    events.encode(events.CLOSE, (1000).to_bytes(2, "big") + b"a" * 124),
    events.encode(events.CLOSE, (1000).to_bytes(2, "big") + b"\xff" * 50),
]


@pytest.mark.parametrize("data", NO_EVENTS)
async def test_a_stream_that_is_no_events_is_an_internal_error(
    gateway: Gateway, data: bytes
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        async with await opening as client:
            await worker.send(data=[pb.Data(id=socket.request.id, data=data + bytes(64))])
            assert (await closed(client))[0] == 1011
            assert (await worker.event("cancels")).reason


async def test_only_workers_that_know_websockets_get_them(start: Start) -> None:
    gateway = await start(queue_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        with pytest.raises(InvalidStatus) as caught:
            await websocket(gateway)
        assert caught.value.response.status_code == 503
        assert b"no_workers" in caught.value.response.body
        assert not worker.seen("requests")


async def test_a_silent_websocket_is_closed_after_its_own_time(start: Start) -> None:
    gateway = await start(websocket_idle=0.1, idle_timeout=0.01, head_timeout=5)
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        await Socket.opened(worker)
        async with await opening as client:
            assert (await closed(client))[0] == 1001


async def test_a_message_over_the_limit_is_1009(start: Start) -> None:
    gateway = await start(websocket_message=1000)
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        async with await opening as client:
            await client.send(bytes(1001))
            assert (await closed(client))[0] == 1009
        event = await socket.event()
        assert events.close_code(event.data)[0] == 1009


async def test_a_worker_that_reads_nothing_pauses_the_client(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway, compression=None))
        await Socket.opened(worker)
        client = await opening
        message = bytes(500_000)

        async def flood() -> None:
            for _ in range(200):
                await client.send(message)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(flood(), 0.5)
        exchange = next(iter(gateway.core.exchanges.values()))
        assert exchange.upload.buffered <= 512 * 1024
        client.transport.abort()


async def test_sockets_hold_up_no_stop(gateway: Gateway) -> None:
    broker = gateway.running.broker
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway))
        await Socket.opened(worker)
        async with await opening as client:
            await asyncio.wait_for(broker.idle(60), 1)
            broker.shut_down()
            assert (await closed(client))[0] == 1001


async def test_noise_of_the_largest_size_passes(gateway: Gateway) -> None:
    noise = random.Random(1).randbytes(1 << 20)
    async with connect(gateway.grpc_port) as worker:
        await hello(worker, limits=pb.Limits(initial_window=1 << 30))
        opening = asyncio.create_task(websocket(gateway))
        socket = await Socket.opened(worker)
        async with await opening as client:
            await client.send(noise)
            assert await socket.event() == (events.BINARY, noise)
            await client.send(noise + b"!")
            assert (await closed(client))[0] == 1009


@pytest.mark.parametrize("chosen", [b"\xff", b"a, b", b"", b"a b"])
async def test_a_subprotocol_that_is_no_token_is_a_bad_response(
    gateway: Gateway, chosen: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await hello(worker)
        opening = asyncio.create_task(websocket(gateway, subprotocols=["a", "b"]))
        await Socket.opened(worker, b"sec-websocket-protocol", chosen)
        with pytest.raises(InvalidStatus) as refused:
            await opening
        assert refused.value.response.status_code == 502
        assert (await worker.event("cancels")).reason
    assert not [one for one in caplog.records if one.exc_info]
    assert len([one for one in caplog.records if "rejected WebSocket" in one.message]) <= 1
