"""Frames on a plain connection (proto/README.md, section 11)."""

import asyncio
import socket
from collections.abc import Callable

import pytest

from prack_wire.frames import DISCARD_SECONDS, MAX_FRAME, Deframer, Frames, FrameTooLong

MESSAGES = [b"", b"a", b"bc" * 50, b"", b"d" * 300]
WIRE = b"".join(len(message).to_bytes(4, "big") + message for message in MESSAGES)


def drained(deframer: Deframer) -> list[bytes]:
    """All messages that are complete."""
    return list(iter(deframer.next, None))


@pytest.mark.parametrize("size", [*range(1, 12), 100, len(WIRE)])
def test_messages_come_out_however_the_bytes_were_cut(size: int) -> None:
    deframer, found = Deframer(), []
    for start in range(0, len(WIRE), size):
        deframer.feed(WIRE[start : start + size])
        found += drained(deframer)
    assert found == MESSAGES
    assert deframer.feed(b"") == 0


@pytest.mark.parametrize("size", [*range(1, 12), 100, len(WIRE)])
def test_each_comes_out_as_the_bytes_come(size: int) -> None:
    deframer = Deframer()
    found: list[bytes] = []
    for start in range(0, len(WIRE), size):
        found += deframer.each(WIRE[start : start + size])
    assert found == MESSAGES
    assert deframer.feed(b"") == 0


def test_bytes_may_pile_up() -> None:
    deframer = Deframer()
    waiting = [deframer.feed(WIRE[start : start + 7]) for start in range(0, len(WIRE), 7)]
    assert waiting[-1] == len(WIRE)
    assert drained(deframer) == MESSAGES


def test_the_largest_message_comes_in_many_pieces() -> None:
    deframer, message = Deframer(), b"x" * MAX_FRAME
    wire, piece = MAX_FRAME.to_bytes(4, "big") + message, 64 * 1024
    for start in range(0, len(wire), piece):
        assert deframer.next() is None
        deframer.feed(wire[start : start + piece])
    assert deframer.next() == message


def test_a_length_past_the_limit_is_noticed_at_once() -> None:
    deframer = Deframer()
    deframer.feed(b"\0\0\0\1a" + (MAX_FRAME + 1).to_bytes(4, "big"))
    assert deframer.next() == b"a"
    with pytest.raises(FrameTooLong):
        deframer.next()


def test_what_is_before_a_length_past_the_limit_comes_out() -> None:
    found = Deframer().each(b"\0\0\0\1a" + (MAX_FRAME + 1).to_bytes(4, "big"))
    assert next(found) == b"a"
    with pytest.raises(FrameTooLong):
        next(found)


async def passed_on(take: Callable[[bytes], int], data: bytes) -> None:
    """Hand over what came at once."""
    here, there = socket.socketpair()
    with there:
        loop = asyncio.get_running_loop()
        transport, frames = await loop.create_connection(Frames, sock=here)
        frames.data_received(data)
        there.shutdown(socket.SHUT_WR)
        try:
            await frames.pass_on(take, 4)
        finally:
            transport.abort()


async def test_others_have_their_turn_between_messages() -> None:
    seen: list[str] = []

    def take(message: bytes) -> int:
        if not seen:
            asyncio.get_running_loop().call_soon(seen.append, "others")
        seen.append(message.decode())
        return 2

    await passed_on(take, b"\0\0\0\1a\0\0\0\1b\0\0\0\1c")
    assert seen == ["a", "b", "others", "c"]


async def test_after_an_error_nothing_is_handed_over() -> None:
    seen: list[bytes] = []

    def take(message: bytes) -> int:
        seen.append(message)
        raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"):
        await passed_on(take, b"\0\0\0\1a\0\0\0\1b")
    assert seen == [b"a"]


async def test_who_gives_up_waiting_for_room_takes_it_from_nobody_else() -> None:
    here, there = socket.socketpair()
    with there:
        loop = asyncio.get_running_loop()
        transport, frames = await loop.create_connection(Frames, sock=here)
        while frames.ready:
            frames.post(bytes(64 * 1024))
        waits = [asyncio.create_task(frames.room()) for _ in range(2)]
        await asyncio.sleep(0)
        waits[0].cancel()
        await asyncio.wait([waits[0]])
        transport.abort()  # which ends the wait as well
        await asyncio.wait_for(waits[1], 10)


class Counted(Frames):
    """Counts the pieces that it reads."""

    pieces = 0

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.pieces += 1
        super().data_received(data)


async def test_a_flood_is_thrown_away_a_little_at_a_time() -> None:
    here, there = socket.socketpair()
    there.setblocking(False)

    async def flood() -> None:
        while True:
            await asyncio.get_running_loop().sock_sendall(there, bytes(MAX_FRAME))

    with there:
        _, frames = await asyncio.get_running_loop().create_connection(Counted, sock=here)
        flooding = asyncio.create_task(flood())
        await frames.hang_up(20 * DISCARD_SECONDS)
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            await flooding
    assert 1 <= frames.pieces <= 21
