"""Dialling in by way of the REST port (proto/README.md, section 11)."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from fake_gateway import PlainGateway
from serving import serving

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ConnectFailed
from prack_worker.exchange import Exchange
from prack_worker.stream.plain import TcpCarrier, TcpTransport
from prack_worker.transport import Identity


@pytest.fixture
async def gateway() -> AsyncIterator[PlainGateway]:
    """A gateway that answers what the test says."""
    async with PlainGateway.running() as gateway:
        assert isinstance(gateway, PlainGateway)
        yield gateway


async def hello(exchange: Exchange) -> None:
    await exchange.send_head(200, [], b"hello", end=True)


async def test_the_request_asks_for_the_upgrade(gateway: PlainGateway) -> None:
    async with serving(gateway.transport("secret"), hello):
        stream = await gateway.welcomed()
    assert stream.context.request == "GET /api/v1/stream HTTP/1.1"
    asked = {name: stream.metadata[name] for name in ("host", "connection", "upgrade")}
    assert asked == {"host": gateway.address, "connection": "Upgrade", "upgrade": "prack.v1"}
    assert stream.metadata["authorization"] == "Bearer secret"


DIAL = """
import sys
from prack_worker.cli.dialling import transport
from prack_worker.settings.settings import read_settings
from prack_worker.stream.plain import TcpTransport

assert isinstance(transport(read_settings({}, {}), ""), TcpTransport)
sys.exit("grpc" in sys.modules)
"""


def test_grpc_is_not_loaded_by_default() -> None:
    assert subprocess.run([sys.executable, "-c", DIAL]).returncode == 0


REFUSALS = [
    (b"HTTP/1.1 401 Unauthorized\r\n\r\n", "rejects this token"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", "name it with --api-hosts"),
    (b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}", "404 Not Found"),
    (b"HTTP/1.1 426 Upgrade Required\r\n\r\n", "a proxy in between"),
    (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", "503 Service Unavailable"),
    (b"HTTP/1.1 200 OK\r\n\r\n", "200 OK"),
    (b"SSH-2.0-server\r\n\r\n", "SSH-2.0"),
    (b"x" * 70_000, "xxx"),
    (b"HTTP/1.1 1", "prack:// connects to the REST port"),
    (b"", "closed the connection without a response"),
]


@pytest.mark.parametrize(("answer", "message"), REFUSALS, ids=[row[1] for row in REFUSALS])
async def test_another_answer_says_what_is_wrong(
    gateway: PlainGateway, answer: bytes, message: str
) -> None:
    gateway.answer = answer
    with pytest.raises(ConnectFailed, match=message):
        await gateway.transport().connect(lambda exchange: None, 1)


async def test_a_gateway_that_is_not_there_is_a_hint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        address = f"127.0.0.1:{sock.getsockname()[1]}"
    with pytest.raises(ConnectFailed, match="is `prack serve` running there"):
        await TcpTransport(address, Identity("w1")).connect(lambda exchange: None, 1)


async def test_the_answer_may_come_together_with_the_first_frames(gateway: PlainGateway) -> None:
    welcome = pb.GatewayFrame(welcome=pb.Welcome(minor=1)).SerializeToString()
    gateway.answer += len(welcome).to_bytes(4, "big") + welcome
    session = await gateway.transport().connect(lambda exchange: None, 1)
    (await gateway.stream()).end()
    await session.lost.wait()
    await session.close()


@pytest.mark.parametrize("junk", [b"\xff\xff\xff\xff", b"\0\0\0\3\xff\xff\xff"])
async def test_junk_ends_the_session(gateway: PlainGateway, junk: bytes) -> None:
    async with serving(gateway.transport(), hello):
        stream = await gateway.welcomed()
        stream.context.writer.write(junk)
        assert await stream.frame() is None
        await gateway.stream()


async def test_frames_of_the_gateway_may_be_cut_anywhere(gateway: PlainGateway) -> None:
    request = pb.Request(id=1, request_id="r1", target=b"/", end=True, deadline_ms=60_000)
    message = pb.GatewayFrame(requests=[request]).SerializeToString()
    async with serving(gateway.transport(), hello):
        stream = await gateway.welcomed()
        for byte in len(message).to_bytes(4, "big") + message:
            stream.context.writer.write(bytes((byte,)))
            await asyncio.sleep(0)  # the worker is in this loop
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].body == b"hello"


async def test_a_frame_is_written_at_once_while_the_kernel_takes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody_reads:
        address = nobody_reads.getsockname()
        _, carrier = await asyncio.get_running_loop().create_connection(TcpCarrier, *address)
        frame = pb.WorkerFrame(heads=[pb.ResponseHead(body=bytes(60_000))])
        written = 0
        while (write_now := carrier.write_now) is not None:
            write_now(frame)
            written += 1
        await carrier.close()
    assert written > 1
