"""What is for a link is taken as it is read; nats-py gets all else, however it is cut."""

import asyncio
from collections.abc import Iterator

import pytest
from nats.protocol.parser import Parser

from prack_grpc.bus.nats.arrivals import Arrivals

SUBJECT, NUMBER = "prack.tests.to.0badcafe", 7
FORGED = b"MSG prack.tests.to.0badcafe 7 3\r\nbad\r\n"  # as a client may send it in a body


class Wire(asyncio.Transport):
    """A connection that has the protocol that it was given."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class Client:
    """Reads and parses as nats-py does; `taken` are the messages for the link, of either way."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.others: list[bytes] = []
        self.reader = asyncio.StreamReader()
        self.parser = Parser(self)
        wire = Wire(asyncio.StreamReaderProtocol(self.reader))
        self.arrivals = Arrivals(wire, self.reader, self.parser, SUBJECT, NUMBER, self.taken.append)
        assert wire.protocol is self.arrivals

    async def _process_msg(
        self, sid: int, _subject: bytes, _reply: bytes, data: bytes, _headers: bytes
    ) -> None:
        (self.taken if sid == NUMBER else self.others).append(data)

    async def read(self) -> None:
        """Until the end of the connection."""
        while data := await self.reader.read(32768):
            await self.parser.parse(data)


def message(data: bytes, subject: str = SUBJECT, number: int = NUMBER, reply: str = "") -> bytes:
    """As NATS sends it."""
    return f"MSG {subject} {number} {reply}{len(data)}\r\n".encode() + data + b"\r\n"


async def test_whole_messages_are_taken_at_once() -> None:
    client = Client()
    client.arrivals.data_received(message(b"one") + message(b"") + message(b"three"))
    assert client.taken == [b"one", b"", b"three"]


async def test_what_is_for_others_is_left_to_the_client() -> None:
    client = Client()
    for data in (
        message(b"hi", "prack.tests.hello", 2),
        b"PING\r\n",
        message(b"beat", reply="gone "),
    ):
        client.arrivals.data_received(data)
        assert await client.reader.read(1000) == data
    assert client.taken == []


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """In pieces of this size."""
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.mark.parametrize("prompt", [True, False], ids=["read at once", "read later"])
@pytest.mark.parametrize("size", [*range(1, 60), 1000])
async def test_all_arrives_in_order_however_it_is_cut(size: int, prompt: bool) -> None:
    client = Client()
    sent = [b"first", FORGED, b"beat", FORGED * 3, b"last"]
    stream = message(sent[0]) + message(sent[1]) + message(b"hello", "prack.tests.hello", 2)
    stream += message(sent[2], reply="gone ") + message(sent[3]) + message(sent[4])
    reading = asyncio.create_task(client.read())
    for piece in cut(stream, size):
        client.arrivals.data_received(piece)
        if prompt:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    client.arrivals.eof_received()
    await reading
    assert client.taken == sent
    assert client.others == [b"hello"]
