"""Connections to the gRPC port that are nobody's, too many, or do too much."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    TrailersReceived,
    WindowUpdated,
)

from prack_grpc.composition import private_side
from prack_grpc.stream.grpc import call, connection
from tests.conftest import Gateway, Start
from tests.support.client import SECONDS, RawClient
from tests.support.collector import alive, frozen, gone, no_collector
from tests.support.scripted_worker import connect

__all__ = ["frozen", "no_collector"]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
PING = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
NO_NUMBER = b"\0\0\0\0\0\0\0\0\0"  # DATA of no stream
# Parts of 4 KiB of a head that does not end.
HEAD, MORE = (b"\0\x10\0" + kind + b"\0\0\0\0\1" + bytes(4096) for kind in (b"\1", b"\x09"))
# Settings that nobody knows, a room for more on no call, a way back from a call that has ended.
UNKNOWN = b"\0\x01\x2c\4\0\0\0\0\0" + b"".join(bytes([1, one, 0, 0, 0, 1]) for one in range(50))
ROOM = b"\0\0\4\x08\0\0\0\0\0\0\0\0\1"
GOAWAY = b"\0\0\x08\7\0\0\0\0\0" + bytes(8)
INFO = "/prack.v1.WorkerService/GetInfo"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


@asynccontextmanager
async def connections(port: int, count: int, say: bytes) -> AsyncIterator[list[RawClient]]:
    """So many, on which this was said."""
    clients = [await RawClient.connect(port) for _ in range(count)]
    for client in clients:
        await client.send(say)
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def ended(client: RawClient) -> bytes:
    """All that comes until the end."""
    async with asyncio.timeout(client.seconds):
        return await client.reader.read()


async def heard(client: RawClient, peer: H2Connection, last: type[Event]) -> Event:
    """The first event of this kind, of what comes."""
    async with asyncio.timeout(client.seconds):
        while True:
            for event in peer.receive_data(await client.reader.read(65536)):
                if isinstance(event, last):
                    return event


@pytest.mark.parametrize("say", [b"", b"PRI *", PREFACE], ids=["nothing", "little", "no call"])
async def test_who_calls_nothing_is_sent_away(
    start: Start, say: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.2)
    gateway = await start()
    async with connections(gateway.grpc_port, 10, say) as clients:
        await asyncio.gather(*map(ended, clients))


async def test_a_worker_is_never_idle(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    gateway = await start()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        for _ in range(3):  # each of them comes after the worker, and leaves before it
            async with connections(gateway.grpc_port, 1, b"") as (client,):
                await ended(client)
        assert len(gateway.core.queue.sessions) == 1


async def test_who_does_not_answer_a_ping_is_gone(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    gateway, peer = await start(), H2Connection(H2Configuration())
    peer.initiate_connection()
    peer.send_headers(1, [(":path", WATCH), *REQUEST])
    peer.send_data(1, bytes(5), end_stream=True)
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        await ended(client)


async def test_calls_that_are_refused_keep_no_connection(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.1)
    gateway, peer = await start(), H2Connection(H2Configuration())
    peer.initiate_connection()
    async with connections(gateway.grpc_port, 1, b"") as (client,):
        for number in itertools.count(1, 2):
            peer.send_headers(number, [(":path", "/a/b"), *REQUEST], end_stream=True)
            await client.send(peer.data_to_send())
            async with asyncio.timeout(SECONDS):
                data = await client.reader.read(65536)
            if not data:
                break
            if any(isinstance(one, ConnectionTerminated) for one in peer.receive_data(data)):
                break


async def test_there_is_a_bound_and_room_again(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(private_side, "grpc_places", lambda most: 5)
    gateway = await start()
    async with connections(gateway.grpc_port, 8, b"") as clients:
        await asyncio.gather(*map(ended, clients[5:]))
    (record,) = [one for one in caplog.records if getattr(one, "action", "") == "grpc_full"]
    assert f":{gateway.grpc_port}`" in record.getMessage()
    async with asyncio.timeout(SECONDS):
        while not await welcomed(gateway.grpc_port):
            pass  # until it has seen them gone


async def welcomed(port: int) -> bool:
    """A worker is let in now."""
    try:
        async with connect(port) as worker:
            await worker.hello()
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_a_stop_leaves_no_call_behind(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        await gateway.running.stream.stop(0)
        assert not [one for one in asyncio.all_tasks() if "StreamServer" in repr(one)]
        assert (await worker.end())[0] is grpc.StatusCode.UNAVAILABLE


async def test_nothing_is_left_of_a_connection(no_collector: None, gateway: Gateway) -> None:
    parts = (connection.Connection, H2Connection)
    before, peer = alive(parts), H2Connection(H2Configuration())
    peer.initiate_connection()
    peer.send_headers(1, [(":path", INFO), *REQUEST])
    peer.send_data(1, bytes(5), end_stream=True)
    async with connections(gateway.grpc_port, 3, peer.data_to_send()) as clients:
        await heard(clients[-1], peer, StreamEnded)
    await gone(parts, before + 1)  # ours


# ---------------------------------------------------------------- HTTP/2

REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
]


@pytest.mark.parametrize(
    ("say", "code"),
    [
        (PREFACE + NO_NUMBER, ErrorCodes.PROTOCOL_ERROR),
        (PREFACE + PING * 1100, ErrorCodes.ENHANCE_YOUR_CALM),
        (PREFACE + PREFACE[24:] * 1100, ErrorCodes.ENHANCE_YOUR_CALM),
        (PREFACE + HEAD + 4 * MORE, ErrorCodes.ENHANCE_YOUR_CALM),
        (PREFACE + UNKNOWN, ErrorCodes.ENHANCE_YOUR_CALM),
        (PREFACE + ROOM * 1100, ErrorCodes.ENHANCE_YOUR_CALM),
    ],
    ids=["data of nothing", "pings", "settings", "a head without end", "many settings", "room"],
)
async def test_a_goaway_says_what_is_wrong(gateway: Gateway, say: bytes, code: ErrorCodes) -> None:
    async with connections(gateway.grpc_port, 1, say) as (client,):
        assert goaway(await ended(client)) == code


async def test_who_speaks_another_protocol_is_cut(gateway: Gateway) -> None:
    other = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    async with connections(gateway.grpc_port, 1, other) as (client,):
        await ended(client)


def goaway(data: bytes) -> int:
    """The code of the last frame."""
    while True:
        size = 9 + int.from_bytes(data[:3], "big")
        if size == len(data):
            assert data[3] == 7
            return int.from_bytes(data[13:17], "big")
        data = data[size:]


async def test_calls_that_are_taken_back_at_once_end_the_connection(gateway: Gateway) -> None:
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    for number in itertools.islice(itertools.count(1, 2), 600):
        peer.send_headers(number, [(":path", INFO), *REQUEST])
        peer.reset_stream(number)
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        event = await heard(client, peer, ConnectionTerminated)
    assert isinstance(event, ConnectionTerminated)
    assert event.error_code == ErrorCodes.ENHANCE_YOUR_CALM


TEXT = [(":path", "/"), *REQUEST[:3], ("content-type", "text/plain")]
NO_PATH = [(":method", "CONNECT"), *REQUEST[2:]]


@pytest.mark.parametrize("fields", [TEXT, NO_PATH], ids=["text", "no path"])
async def test_what_is_not_grpc_gets_415(
    gateway: Gateway, fields: list[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    peer = H2Connection(H2Configuration(header_encoding=None))
    peer.initiate_connection()
    peer.send_headers(1, fields, end_stream=True)
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        event = await heard(client, peer, ResponseReceived)
    assert isinstance(event, ResponseReceived)
    assert dict(event.headers) == {b":status": b"415"}
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def test_a_message_may_come_byte_by_byte(gateway: Gateway) -> None:
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    peer.send_headers(1, [(":path", INFO), *REQUEST])
    for byte in bytes(5):
        peer.send_data(1, bytes([byte]))
    peer.end_stream(1)
    async with connections(gateway.grpc_port, 1, b"") as (client,):
        for byte in peer.data_to_send():
            await client.send(bytes([byte]))
        await heard(client, peer, StreamEnded)


async def test_compression_is_refused_by_its_status(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(
        f"127.0.0.1:{gateway.grpc_port}", compression=grpc.Compression.Gzip
    ) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary(INFO, bytes, bytes)(bytes(10_000))
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_method_that_there_is_not(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary("/a/b", bytes, bytes)(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_what_a_call_leaves_unread_takes_no_window(gateway: Gateway) -> None:
    """A connection has 1 MiB for all its calls; these have three, of which nobody reads any."""
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    message = b"\0" + (16_000).to_bytes(4, "big") + bytes(16_000)
    async with connections(gateway.grpc_port, 1, b"") as (client,):
        for number in range(1, 400, 2):
            peer.send_headers(number, [(":path", "/a/b"), *REQUEST])
            peer.send_data(number, message, end_stream=True)
            await client.send(peer.data_to_send())
            await heard(client, peer, StreamEnded)
            await client.send(peer.data_to_send())


async def test_pieces_of_many_calls_take_little_window(gateway: Gateway) -> None:
    """What a call is owed and not told of, and what `h2` does not tell at once, leave room."""
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    piece = b"\0" + (4096).to_bytes(4, "big") + bytes(4085)
    message = b"\0" + (4000).to_bytes(4, "big") + bytes(4000)
    last = 2 * connection.CALLS - 1
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        await heard(client, peer, WindowUpdated)
        for number in range(1, last, 2):
            peer.send_headers(number, [(":path", INFO), *REQUEST])
            peer.send_data(number, piece)
        for number in range(last, last + 2 * 400, 2):
            peer.send_headers(number, [(":path", "/a/b"), *REQUEST])
            peer.send_data(number, message, end_stream=True)
            await client.send(peer.data_to_send())
            await heard(client, peer, StreamEnded)


async def test_who_leaves_has_the_answers_to_his_calls(
    gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    peer.send_headers(1, [(":path", WATCH), *REQUEST])
    peer.send_data(1, bytes(5), end_stream=True)
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        await heard(client, peer, DataReceived)
        peer.send_headers(3, [(":path", CHECK), *REQUEST])
        peer.send_data(3, bytes(5), end_stream=True)
        await client.send(peer.data_to_send() + GOAWAY)
        await heard(client, peer, StreamEnded)
        await gateway.running.stream.report(False)
        await heard(client, peer, DataReceived)
    assert not [one for one in caplog.records if one.levelname == "ERROR"]


async def status_of(client: RawClient, peer: H2Connection) -> int:
    """That with which a call ends."""
    event = await heard(client, peer, TrailersReceived)
    assert isinstance(event, TrailersReceived)
    return int(dict(event.headers)[b"grpc-status"])


async def test_a_call_after_the_goaway_is_sent_on(gateway: Gateway) -> None:
    """It was begun before the peer had read that; a worker would wait here for ever."""
    peer = connection.Rules(H2Configuration(header_encoding=None))  # hears more after a goaway
    peer.initiate_connection()
    peer.send_headers(1, [(":path", WATCH), *REQUEST])
    peer.send_data(1, bytes(5), end_stream=True)
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        await heard(client, peer, DataReceived)
        gateway.running.stream.release()
        peer.send_headers(3, [(":path", INFO), *REQUEST], end_stream=True)
        await client.send(peer.data_to_send())
        event = await heard(client, peer, ResponseReceived)
    assert isinstance(event, ResponseReceived)
    assert dict(event.headers)[b"grpc-status"] == b"%d" % call.CODES["UNAVAILABLE"]


async def test_a_message_that_does_not_come_as_a_whole_ends_the_call(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call, "REQUEST_SECONDS", 0.05)
    gateway, peer = await start(), H2Connection(H2Configuration(header_encoding=None))
    peer.initiate_connection()
    peer.send_headers(1, [(":path", CHECK), *REQUEST])
    peer.send_data(1, bytes(3))
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        assert await status_of(client, peer) == call.CODES["DEADLINE_EXCEEDED"]


async def test_methods_of_small_messages_take_no_large_ones(gateway: Gateway) -> None:
    peer = H2Connection(H2Configuration(header_encoding=None))
    peer.initiate_connection()
    peer.send_headers(1, [(":path", INFO), *REQUEST])
    peer.send_data(1, b"\0" + (5000).to_bytes(4, "big"))
    async with connections(gateway.grpc_port, 1, peer.data_to_send()) as (client,):
        assert await status_of(client, peer) == call.CODES["RESOURCE_EXHAUSTED"]
