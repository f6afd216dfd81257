"""No WebSocket keeps the loop to itself, however small its frames are. With a canary beside it."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.limits import MIB, PIECE
from prack_grpc.gateway.websocket import connection
from prack_grpc.turns import Turns
from prack_wire import websocket_events as events
from tests.conftest import Gateway
from tests.gateway.websocket.opening import accepted
from tests.gateway.websocket.test_connection import sockets, until
from tests.support.canary import canary, flood, running
from tests.support.client import RawClient
from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    FIN,
    PING,
    PONG,
    RSV1,
    TEXT,
    frame,
    open_socket,
    packed,
    receive,
)
from tests.support.scripted_worker import ScriptedWorker

# Not much of it is sent.
LARGE = frame(BINARY, packed(bytes(MIB)), FIN | RSV1)
READ = 256 * 1024  # bytes, what the gateway reads at a time


@asynccontextmanager
async def opened(
    gateway: Gateway, *fields: bytes
) -> AsyncIterator[tuple[RawClient, ScriptedWorker, int]]:
    """A WebSocket whose worker takes whatever comes."""
    client = await gateway.client()
    async with accepted(gateway, client, *fields) as (worker, number):
        yield client, worker, number


def many(piece: bytes) -> bytes:
    """As many as one read holds."""
    return piece * (READ // len(piece))


async def test_tiny_messages_leave_the_others_their_turn(gateway: Gateway) -> None:
    async with canary(gateway) as bird, opened(gateway) as (client, worker, _):
        async with running(flood(client, many(frame(TEXT, b"a")))):
            await bird.answers(50)
        await worker.event("data")  # they are passed on
        client.reset()


class Counting(Turns):
    """Counts who waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = 0

    def wait(self, go_on: Callable[[], None], client: str = "") -> None:
        """See Turns."""
        self.waited += 1
        super().wait(go_on, client)


async def test_one_handshake_is_read_in_a_turn(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = list[Callable[[], None]]()
    client = await gateway.client()
    monkeypatch.setattr(Turns, "wait", lambda _, go_on, client: waits.append(go_on))
    opening = asyncio.create_task(open_socket(client))
    await until(lambda: waits)
    assert not gateway.core.exchanges
    waits[0]()
    await until(lambda: gateway.core.exchanges)
    opening.cancel()
    client.reset()


async def test_tiny_messages_all_arrive_in_order(gateway: Gateway) -> None:
    count = 3 * connection.TURN + 1
    async with opened(gateway) as (client, worker, _):
        (socket,) = sockets()
        socket.http.turns = turns = Counting()
        await client.send(b"".join(frame(TEXT, b"%d" % n) for n in range(count)))
        decoder, seen = events.Decoder(1000), list[bytes]()
        while len(seen) < count:
            seen += [one.data for one in decoder.feed((await worker.event("data")).data)]
        assert seen == [b"%d" % n for n in range(count)]
        assert turns.waited == 3  # as all do whose turn is over
        client.reset()


async def test_what_is_large_once_unpacked_leaves_the_others_their_turn(gateway: Gateway) -> None:
    async with canary(gateway) as bird, opened(gateway, DEFLATE) as (client, worker, _):
        async with running(flood(client, many(LARGE))):
            await bird.answers(50)
        await worker.event("data")  # they are passed on
        client.reset()


async def test_a_message_is_unpacked_in_turns(gateway: Gateway) -> None:
    async with opened(gateway, DEFLATE) as (client, worker, _):
        (socket,) = sockets()
        socket.http.unpackings = turns = Counting()
        await client.send(LARGE)
        decoder, seen = events.Decoder(MIB), list[events.Event]()
        while not seen:
            seen = decoder.feed((await worker.event("data")).data)
        assert seen[0].data == bytes(MIB)
        assert turns.waited == MIB // PIECE
        client.reset()


async def test_a_message_with_a_final_block_ends(gateway: Gateway) -> None:
    packer = zlib.compressobj(wbits=-12)
    final = packer.compress(bytes(200_000)) + packer.flush() + b"\0"
    async with canary(gateway) as bird, opened(gateway, DEFLATE) as (client, worker, _):
        await client.send(frame(BINARY, final, FIN | RSV1) + frame(TEXT, packed(b"a"), FIN | RSV1))
        decoder, seen = events.Decoder(MIB), list[events.Event]()
        while len(seen) < 2:
            seen += decoder.feed((await worker.event("data")).data)
        assert [one.data for one in seen] == [bytes(200_000), b"a"]
        await bird.answers(5)
        client.reset()


@pytest.mark.parametrize(
    "begin",
    [frame(TEXT, b"", bits=0), b""],
    ids=["in a message", "as a mistake"],
)
async def test_empty_fragments_leave_the_others_their_turn(gateway: Gateway, begin: bytes) -> None:
    async with canary(gateway) as bird, opened(gateway) as (client, _, _):
        await client.send(begin)
        async with running(flood(client, many(frame(CONTINUATION, b"", bits=0)))):
            await bird.answers(50)
        client.reset()


FLOODS = {
    "pings": frame(PING, b"a"),
    "pongs": frame(PONG),
    "empty fragments": frame(CONTINUATION, b"", bits=0),
    "empty messages": frame(TEXT, b"") + frame(BINARY, b"a") + frame(PING),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_of_nothing_is_a_policy_violation(gateway: Gateway, kind: str) -> None:
    async with opened(gateway) as (client, worker, _):
        if kind == "empty fragments":
            await client.send(frame(TEXT, b"a", bits=0))
        await client.send(FLOODS[kind] * (connection.MAX_EMPTY + 1))
        while (answer := await receive(client)).opcode == PONG:
            pass
        assert (answer.opcode, answer.data[:2]) == (CLOSE, (1008).to_bytes(2, "big"))
        assert not answer.data[2:].startswith(b"\0")
        said = b""
        while b"CLOSE" not in said:
            said += (await worker.event("data")).data
        assert events.close_code(events.Decoder(1000).feed(said)[-1].data)[0] == 1008


async def test_a_flood_of_what_was_hardly_sent_is_a_policy_violation(gateway: Gateway) -> None:
    async with opened(gateway, DEFLATE) as (client, worker, _):
        await client.send(LARGE * 2 * (connection.MAX_SURPLUS // MIB))
        answer = await receive(client)
        assert (answer.opcode, answer.data[:2]) == (CLOSE, (1008).to_bytes(2, "big"))
        decoder, seen = events.Decoder(MIB), list[events.Event]()
        while not seen or seen[-1].name != events.CLOSE:
            seen += decoder.feed((await worker.event("data")).data)
        assert {one.data for one in seen[:-1]} == {bytes(MIB)}
        assert connection.MAX_SURPLUS // MIB <= len(seen[:-1]) < 2 * connection.MAX_SURPLUS // MIB
        assert events.close_code(seen[-1].data)[0] == 1008


async def test_pings_that_come_slowly_are_answered_for_ever(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FLOOD_SECONDS", 0.0)
    async with opened(gateway) as (client, _, _):
        for _ in range(3):
            await client.send(frame(PING, b"a") * connection.MAX_EMPTY)
            for _ in range(connection.MAX_EMPTY):
                assert (await receive(client)).opcode == PONG
        client.reset()


async def test_pongs_that_nobody_reads_do_not_pile_up(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "FLOOD_SECONDS", 0.0)
    async with canary(gateway) as bird, opened(gateway) as (client, _, _):
        (socket,) = sockets()
        async with running(flood(client, many(frame(PING, bytes(125))))):
            await until(lambda: not socket.writable.is_set())
            await bird.answers(50)
            assert socket.transport.get_write_buffer_size() < READ
        client.reset()


async def test_events_of_a_worker_leave_the_others_their_turn(gateway: Gateway) -> None:
    data = events.encode(events.TEXT, b"") * 5_000
    async with canary(gateway) as bird, opened(gateway) as (client, worker, number):
        await worker.send(data=[pb.Data(id=number, data=data)] * 8)
        await bird.answers(50)
        for _ in range(40_000):
            assert (await receive(client)).opcode == TEXT
