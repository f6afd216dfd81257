"""What was compressed comes out as it was, a piece at a time, from whatever frames it came in."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode

from prack_grpc.core.limits import PIECE
from prack_grpc.gateway.websocket.inflating import TAKEN, Inflating
from tests.support.frames import packed

GOING_ON = Frame(Opcode.CONT, b"", fin=False)
BITS = 12
SIZES = [0, 1, 5000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 70]


def inflating(*, forgets: bool = False) -> Inflating:
    return Inflating(forgets, False, BITS, BITS)


def fragments(data: bytes, cuts: list[int]) -> list[Frame]:
    """A compressed message, cut at these places."""
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    parts = [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
    first, last = range(len(parts))[0], range(len(parts))[-1]
    return [
        Frame(Opcode.CONT if n != first else Opcode.TEXT, part, n == last, n == first)
        for n, part in enumerate(parts)
    ]


def said(extension: Inflating, frame: Frame) -> list[Frame]:
    """What becomes of this frame."""
    found = [extension.decode(frame, max_size=PIECE)]
    while extension.behind:
        found.append(extension.decode(GOING_ON, max_size=PIECE))
    return found


def finished(data: bytes) -> bytes:
    """Compressed to a final block, and what is behind such (RFC 7692 section 7.2.3.4)."""
    packer = zlib.compressobj(wbits=-BITS)
    return packer.compress(data) + packer.flush() + b"\0"


@given(
    messages=st.lists(
        st.tuples(st.sampled_from(SIZES), st.lists(st.integers(0, 300), max_size=3), st.booleans()),
        max_size=4,
    ),
)
def test_a_message_may_end_with_a_final_block(
    messages: list[tuple[int, list[int], bool]],
) -> None:
    extension = inflating()
    for size, cuts, final in messages:
        message = bytes(size)
        whole = finished(message) if final else packed(message)
        frames = [one for frame in fragments(whole, cuts) for one in said(extension, frame)]
        assert b"".join(one.data for one in frames) == message
        assert frames[-1].fin


def test_a_final_block_without_what_belongs_behind_it_harms_no_other_message() -> None:
    extension = inflating()
    for message in (b"hello", b"again"):
        (frame,) = fragments(finished(message).removesuffix(b"\0"), [])
        assert b"".join(one.data for one in said(extension, frame)) == message


@pytest.mark.parametrize("rest", [finished(b""), b"junk" * 100], ids=["another", "none"])
def test_behind_a_final_block_comes_no_other(rest: bytes) -> None:
    extension = inflating()
    said(extension, Frame(Opcode.TEXT, finished(b"a"), False, True))
    with pytest.raises(ProtocolError):
        said(extension, Frame(Opcode.CONT, rest, True, False))


def test_blocks_that_hold_nothing_are_read_a_few_at_a_time() -> None:
    extension = inflating()
    empty = packed(b"") + b"\0\0\xff\xff"
    frame = Frame(Opcode.TEXT, empty * (10 * TAKEN // len(empty)), True, True)
    assert len(said(extension, frame)) >= 10


@pytest.mark.parametrize("forgets", [False, True])
@given(
    messages=st.lists(
        st.tuples(st.sampled_from(SIZES), st.lists(st.integers(0, 300), max_size=3)), max_size=4
    ),
)
def test_messages_come_out_as_they_were(
    messages: list[tuple[int, list[int]]], forgets: bool
) -> None:
    extension, packer = inflating(forgets=forgets), zlib.compressobj(wbits=-BITS)
    for size, cuts in messages:
        message = (b"some" * (size // 4 + 1))[:size]
        whole = packed(message, None if forgets else packer)
        frames = [one for frame in fragments(whole, cuts) for one in said(extension, frame)]
        assert b"".join(one.data for one in frames) == message
        assert [one.fin for one in frames] == [False] * (len(frames) - 1) + [True]
        assert [one.opcode for one in frames[1:]] == [Opcode.CONT] * (len(frames) - 1)
        assert max(len(one.data) for one in frames) <= PIECE
        assert not any(one.rsv1 for one in frames)


def test_what_is_not_compressed_passes() -> None:
    extension = inflating()
    for frame in (
        Frame(Opcode.TEXT, b"a", fin=False),
        Frame(Opcode.PING, b"b"),
        Frame(Opcode.CONT, b"c"),
    ):
        assert said(extension, frame) == [frame]


def test_a_ping_may_come_between_two_fragments() -> None:
    extension, ping = inflating(), Frame(Opcode.PING, b"a")
    first, last = fragments(packed(b"hello"), [3])
    found = said(extension, first) + said(extension, ping) + said(extension, last)
    assert found[1] == ping
    assert b"".join((found[0].data, found[2].data)) == b"hello"


def test_what_is_larger_than_it_may_be_is_refused() -> None:
    extension = inflating()
    with pytest.raises(PayloadTooBig):
        extension.decode(fragments(packed(bytes(101)), [])[0], max_size=100)


def test_what_is_not_deflate_is_refused() -> None:
    with pytest.raises(ProtocolError):
        inflating().decode(Frame(Opcode.TEXT, b"\xff\xff", True, True))


def test_only_the_first_fragment_is_marked_as_compressed() -> None:
    extension = inflating()
    said(extension, fragments(packed(b"hello"), [3])[0])
    with pytest.raises(ProtocolError):
        extension.decode(Frame(Opcode.CONT, b"", True, True))
