"""A connection whose peer does not read, by hand: its buffer is what a test says."""

import asyncio
from typing import Any, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes

from prack_grpc.stream.grpc import connection
from prack_grpc.stream.grpc.call import Call
from prack_grpc.stream.grpc.connection import Connection

WIDE = 8 * 1024 * 1024
PATH = "/a/b"
REQUEST = [
    (":method", "POST"),
    (":scheme", "http"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
]


class Transport(asyncio.Transport):
    """Takes what is written, and keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self.reading, self.closing = True, False
        self.aborted = asyncio.Event()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Any."""

    def write(self, data: Any) -> None:
        """Nobody reads it."""

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        """As that of a loop: not before all is read, which it never is."""
        self.closing = True

    def abort(self) -> None:
        self.closing = True
        self.aborted.set()


class Server:
    """Its calls write a message each, and wait."""

    def __init__(self, message: bytes) -> None:
        self.connections: set[Connection] = set()
        self._message = message
        self.served = 0

    def serve(self, call: Call) -> "asyncio.Task[None]":
        """See connection.Server."""
        self.served += 1
        return asyncio.create_task(self._serve(call))

    async def _serve(self, call: Call) -> None:
        await call.write(self._message)
        await asyncio.get_running_loop().create_future()


def connected(message: bytes = b"") -> tuple[Connection, Transport, H2Connection]:
    """A connection, and its peer, who takes large messages."""
    return dialled(Server(message))


def dialled(server: Server) -> tuple[Connection, Transport, H2Connection]:
    """The same, at this server."""
    one, transport = Connection(server), Transport()
    one.connection_made(transport)
    peer = H2Connection(H2Configuration())
    peer.initiate_connection()
    peer.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: WIDE})
    peer.increment_flow_control_window(WIDE)
    return one, transport, peer


async def test_who_does_not_read_is_cut_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LAST_SECONDS", 0.01)
    one, transport, peer = connected()
    one.data_received(peer.data_to_send())
    one.close()
    assert not transport.aborted.is_set()
    async with asyncio.timeout(5):
        await transport.aborted.wait()
    one.connection_lost(None)


async def test_who_breaks_a_rule_is_cut_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LAST_SECONDS", 0.01)
    one, transport, _ = connected()
    one.data_received(b"GET / HTTP/1.1\r\n\r\n")
    async with asyncio.timeout(5):
        await transport.aborted.wait()
    one.connection_lost(None)


@pytest.mark.parametrize(("size", "reads"), [(1024 * 1024, True), (0, False)])
async def test_answers_that_wait_stop_reading_and_messages_do_not(size: int, reads: bool) -> None:
    """A slow peer beats meanwhile; one that asks for answers and reads none is not read."""
    one, transport, peer = connected(bytes(size))
    peer.send_headers(1, [(":path", PATH), *REQUEST])
    one.data_received(peer.data_to_send())
    one.pause_writing()
    await asyncio.sleep(0)  # the call begins, and writes
    for _ in range(9):
        for _ in range(100 if size == 0 else 1):
            peer.ping(bytes(8))
        one.data_received(peer.data_to_send() * (9 if size == 0 else 1))
        await asyncio.sleep(0)
    assert transport.reading is reads
    one.abort()
    one.connection_lost(None)


async def test_one_head_is_read_in_a_turn_however_many_have_come() -> None:
    server = Server(b"")
    one, _, peer = dialled(server)
    for number in (1, 3, 5):
        peer.send_headers(number, [(":path", PATH), *REQUEST])
    one.data_received(peer.data_to_send())
    seen = [server.served]
    for _ in range(4):
        await asyncio.sleep(0)
        seen.append(server.served)
    assert seen == [1, 2, 3, 3, 3]
    one.abort()
    one.connection_lost(None)


async def test_little_is_kept_of_what_a_peer_sets() -> None:
    one, _, peer = connected()
    unknown = bytes([0, 0, 6, 4, 0, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 1])
    peer.update_settings({SettingCodes.HEADER_TABLE_SIZE: 2**31 - 1})
    one.data_received(peer.data_to_send() + unknown)
    rules = cast("H2Connection", vars(one)["_h2"])
    assert set(rules.remote_settings) <= connection.KNOWN
    assert rules.encoder.header_table_size == connection.TABLE
    one.abort()
    one.connection_lost(None)
