"""Frames on a plain connection, and a worker's frame that repeats these bytes past the size from
which its events are counted. The first byte is the size of the pieces.
"""

from fuzz.clock import Found
from fuzz.wire import pieces
from prack_grpc.stream.errors import NotAFrame
from prack_grpc.stream.frame import COUNTED, MAX_EVENTS, MAX_OTHERS, parse
from prack_wire.frames import Deframer, FrameTooLong

MOST = 1000  # bytes of a message


def one(data: bytes) -> None:
    """See the module."""
    size, data = data[0] if data else 0, data[1:]
    whole, cut = _cut([data]), _cut(pieces(data, size))
    if whole != cut:
        raise Found(f"in pieces: {cut}, as a whole: {whole}")
    for message in (data, data * (COUNTED // len(data) + 1 if data else 1)):
        _parse(message)


def _cut(pieces: list[bytes]) -> tuple[list[bytes], bool]:
    """The messages, and whether they end with one that is too long."""
    frames, messages = Deframer(MOST), []
    try:
        for piece in pieces:
            frames.feed(piece)
            while (message := frames.next()) is not None:
                messages.append(message)
    except FrameTooLong:
        return messages, True
    return messages, False


def _parse(message: bytes) -> None:
    try:
        frame = parse(message)
    except NotAFrame:
        return
    heads = len(frame.heads) + len(frame.data) + len(frame.finishes)
    others = len(frame.aborts) + len(frame.windows)
    if len(message) > COUNTED and heads + others > MAX_EVENTS + MAX_OTHERS:
        raise Found("more events than a frame may have")
