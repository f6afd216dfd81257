"""A worker's frame, from bytes; what is none, or holds more than a frame may, is refused.

Parsing makes objects of every event and of each of its parts. So the events of a large frame are
counted before, and those that have many parts are measured.
"""

from google.protobuf.message import DecodeError

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.limits import KIB
from prack_grpc.stream.errors import NotAFrame

# proto/README.md section 1.7: events of one frame, beside two for each exchange that is held.
MAX_EVENTS = 256
# Fields of a frame that are no events, or that this gateway does not know yet.
MAX_OTHERS = 16
# Bytes of what is made of small parts, one object each.
MAX_PARTED = 1024 * KIB
PARTED = frozenset(
    (
        pb.WorkerFrame.HELLO_FIELD_NUMBER,
        pb.WorkerFrame.HEADS_FIELD_NUMBER,
        pb.WorkerFrame.FINISHES_FIELD_NUMBER,
    )
)
# Smaller ones cannot hold many events.
COUNTED = 64 * KIB
# Bytes that follow a tag of this wire type.
FIXED = {1: 8, 5: 4}
VARINT, SIZED = 0, 2


def parse(data: bytes, most: int = MAX_EVENTS) -> pb.WorkerFrame:
    """The frame of about so many events at most. Raises NotAFrame."""
    if len(data) > COUNTED:
        _check(data, most)
    try:
        return pb.WorkerFrame.FromString(data)
    except DecodeError:
        raise NotAFrame from None


def _check(data: bytes, most: int) -> None:
    """Raises NotAFrame for one that would take long to parse, and looks no further than that."""
    at = fields = parted = 0
    try:
        while at < len(data):
            tag, at = _varint(data, at)
            value, wire = 0, tag & 7
            if wire in (VARINT, SIZED):
                value, at = _varint(data, at)
            size = value if wire == SIZED else FIXED.get(wire, 0)
            at, fields = at + size, fields + 1
            if fields > most + MAX_OTHERS:
                raise NotAFrame(f"more than {most} events in one frame")
            if tag >> 3 in PARTED:
                parted += size
            if parted > MAX_PARTED:
                raise NotAFrame(f"more than {MAX_PARTED} bytes of heads and trailers in one frame")
    except IndexError:
        pass  # cut short, as the parser will find


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends. Raises IndexError."""
    value = shift = 0
    while (byte := data[at]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise IndexError
    return value | byte << shift, at + 1
