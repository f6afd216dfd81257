"""Clients that mean harm, or have bad luck, at the moments that hurt most."""

import asyncio
import logging
import socket
from collections.abc import Callable

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.limits import ConnectionLimits
from tests.conftest import Gateway, Start
from tests.support.canary import running, serve
from tests.support.client import RawClient
from tests.support.scripted_worker import connect

H = b"host: test\r\n"


async def narrow(port: int) -> RawClient:
    """A client whose window is small, so that the gateway's buffers fill soon."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    return RawClient(*await asyncio.open_connection(sock=sock, limit=1024))


async def until(condition: Callable[[], object]) -> None:
    """Let everything else run until this is so."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing tells of a connection's inside
            await asyncio.sleep(0.005)


async def test_a_header_that_never_ends_is_refused(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.send(b"GET / HTTP/1.1\r\n" + H + b"x: ")
    await client.send(b"a" * 300_000)
    assert (await client.response()).status == 431


async def test_a_head_of_too_many_fields_is_refused_before_it_ends(gateway: Gateway) -> None:
    client = await gateway.client()
    # The parser tells of a field when the next one begins.
    await client.send(b"GET / HTTP/1.1\r\n" + H + b"x: a\r\n" * 201)
    assert (await client.response()).status == 431


async def test_long_hosts_cannot_make_a_frame_that_kills_a_worker(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.send(b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % (b"a" * 300))
    assert (await client.response()).status == 400


async def test_frames_stay_small_however_large_the_heads(gateway: Gateway) -> None:
    clients = [await gateway.client() for _ in range(32)]
    for client in clients:
        fields = b"".join(b"x-%d: %b\r\n" % (n, b"a" * 7000) for n in range(8))
        await client.send(b"GET / HTTP/1.1\r\n" + H + fields + b"\r\n")
    sizes = []
    async with connect(gateway.grpc_port, on_frame=lambda f: sizes.append(f.ByteSize())) as worker:
        await worker.hello(slots=32)
        for _ in clients:
            await worker.answer(await worker.event("requests"))
        for client in clients:
            assert (await client.response()).status == 200
    assert max(sizes) < 256 * 1024


FORGED = [b"x-forwarded-prefix: /evil", b"x-forwarded-port: 1", b"X-Real-IP: 6.6.6.6"]


async def test_p84_no_claim_of_a_stranger_reaches_a_worker(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/", *FORGED)
        request = await worker.event("requests")
        names = request.headers[::2]
        assert not {b"x-forwarded-prefix", b"x-forwarded-port", b"x-real-ip"} & set(names)
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_a_head_request_on_an_endless_stream_gives_its_slot_back(start: Start) -> None:
    gateway = await start(idle_timeout=0.3)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        client = await gateway.client()
        await client.get(b"/", method=b"HEAD")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200)])
        assert (await client.response(bodiless=True)).status == 200
        while not worker.seen("cancels"):
            await worker.send(data=[pb.Data(id=request.id, data=b"tick")])
            await asyncio.wait((asyncio.create_task(worker.changed()),), timeout=0.05)
        assert (await worker.event("cancels")).id == request.id


async def test_a_client_that_leaves_during_a_paused_upload_is_noticed(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.get(b"/", b"content-length: 4000000", method=b"POST")
    client.writer.write(bytes(4_000_000))
    dispatcher = gateway.core
    await until(lambda: dispatcher.queue.bytes > 60_000)
    client.reset()
    await until(lambda: not dispatcher.exchanges)


@pytest.mark.parametrize(
    "request_",
    [b"GET / HTTP/1.1\r\n" + H + b"connection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
)
async def test_a_slow_reader_gets_all_of_its_last_response(start: Start, request_: bytes) -> None:
    gateway = await start(guard=ConnectionLimits(linger_seconds=0.05, write_seconds=1.0))
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await narrow(gateway.port)
        gateway.clients.append(client)
        await client.send(request_)
        body = bytes(250_000)
        await worker.answer(await worker.event("requests"), body=body)
        head = await client.head()
        received = b""
        while len(received) < len(body):
            piece = await client.reader.read(8192)
            assert piece, f"cut after {len(received)} bytes"
            received += piece
            await asyncio.wait((asyncio.create_task(worker.changed()),), timeout=0.005)
        assert int(head.header(b"content-length") or 0) == len(received)


async def test_an_idle_connection_with_unsent_bytes_is_ended(start: Start) -> None:
    quick = ConnectionLimits(keep_alive_seconds=0.1, linger_seconds=0.1, write_seconds=0.1)
    gateway = await start(guard=quick)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await narrow(gateway.port)
        gateway.clients.append(client)
        client.stop_reading()
        await client.get()
        # More than the kernel takes; what is left is less than the gateway's high-water mark.
        await worker.answer(await worker.event("requests"), body=bytes(250_000))
        await until(lambda: not gateway.connections())


async def test_a_burst_of_requests_waits_unparsed(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(slots=1)
        client = await gateway.client()
        await client.get()
        request = await worker.event("requests")
        client.writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 10_000)
        (connection,) = gateway.connections()
        await until(lambda: connection.requests > 1)
        assert connection.requests == 3  # one is in work, and two are parsed
        await worker.answer(request)
        assert (await client.response()).status == 200
        client.reset()


async def test_a_trickle_is_too_slow(start: Start) -> None:
    limits = ConnectionLimits(body_seconds=5, rate_seconds=0.2, body_rate=10_000)
    gateway = await start(guard=limits)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/", b"content-length: 100000", method=b"POST")
        request = await worker.event("requests")
        while not worker.seen("cancels"):
            await client.send(b"a")
            await asyncio.wait((asyncio.create_task(worker.changed()),), timeout=0.05)
        assert (await worker.event("cancels")).id == request.id
        assert (await client.response()).status == 408


async def test_an_unfinished_head_behind_a_chunked_body_is_no_chunk_extension(
    gateway: Gateway,
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        first = (
            b"POST / HTTP/1.1\r\n" + H + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        )
        second = b"GET /2 HTTP/1.1\r\n" + H + b"x: %b" % (b"a" * 20_000)
        await client.send(first + second)
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200
        await client.send(b"\r\n\r\n")
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200


async def test_an_old_client_gets_no_continue(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(b"POST / HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        await client.send(b"hi")
        request = await worker.event("requests")
        assert request.body == b"hi"
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_the_end_of_a_body_is_said_once(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.post(b"body")
        request = await worker.event("requests")
        assert request.end
        await worker.send(windows=[pb.Window(id=request.id, max_offset=1 << 20)])
        await worker.answer(request)
        assert (await client.response()).status == 200
        assert not worker.seen("finishes")


async def test_a_worker_lost_with_a_stalled_old_client_is_no_mistake(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start()
    client = await narrow(gateway.port)
    gateway.clients.append(client)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client.stop_reading()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=bytes(200_000))])
        client.reset()
    await gateway.running.broker.idle(5)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("piece", [b"GET / HTTP/1.1\r\n" + H + b"\r\n",
    b"POST / HTTP/1.1\r\n" + H + b"content-length: 3\r\n\r\nabc",
    b"POST / HTTP/1.1\r\n" + H + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n" + H + b"\r\n"])  # fmt: skip
@pytest.mark.parametrize("first", [True, False], ids=["after one answer", "at once"])
async def test_pipelines_whose_sender_leaves_are_no_mistake_of_ours(
    start: Start, piece: bytes, first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(queue_requests=2)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        async with running(serve(worker)):
            for _ in range(5):
                client = await gateway.client()
                await client.send(piece * 200)
                if first:
                    await client.head()
                client.reset()
            await until(lambda: not gateway.connections())
    assert not [one for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
