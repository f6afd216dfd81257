"""A worker's frame, from bytes; what is none, or holds more than a frame may, is refused.

Parsing makes objects of every event, so those of a large frame are counted before.
"""

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.limits import KIB, Limits
from prack_grpc.stream.errors import NotAFrame

# proto/README.md section 1.7: events of one frame, beside two for each exchange that is held.
MAX_EVENTS = 256
MOST_EVENTS = MAX_EVENTS + 2 * Limits().max_slots
# Smaller ones cannot hold many events.
COUNTED = 64 * KIB
# Bytes that follow a tag of this wire type.
FIXED = {1: 8, 5: 4}
VARINT, SIZED = 0, 2


def parse(data: bytes) -> pb.WorkerFrame:
    """The frame. Raises NotAFrame."""
    if len(data) > COUNTED and _fields(data) > MOST_EVENTS:
        raise NotAFrame(f"more than {MOST_EVENTS} events in one frame")
    try:
        return pb.WorkerFrame.FromString(data)
    except DecodeError:
        raise NotAFrame from None


def _fields(data: bytes) -> int:
    """How many fields the message has, counted as far as is needed."""
    at = count = 0
    try:
        while at < len(data) and count <= MOST_EVENTS:
            tag, at = _varint(data, at)
            value, wire = 0, tag & 7
            if wire in (VARINT, SIZED):
                value, at = _varint(data, at)
            at += value if wire == SIZED else FIXED.get(wire, 0)
            count += 1
    except IndexError:
        pass  # cut short, as the parser will find
    return count


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError."""
    value = shift = 0
    while (byte := data[at]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise IndexError
    return value | byte << shift, at + 1
