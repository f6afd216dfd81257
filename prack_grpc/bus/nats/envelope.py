"""What gateways say to each other over NATS: subjects, and the envelope of each message."""

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

# Of this format; gateways that speak another one are not heard.
VERSION = 1
NOBODY = bytes(8)
HEAD = struct.Struct("!BB8s8s8sQQ")
# The same in two parts: of the parcels from one end to another all begin alike.
STAMP, NUMBERS = struct.Struct("!BB8s8s8s"), struct.Struct("!QQ")


class Kind(IntEnum):
    """OPEN offers a link, DATA carries a parcel, BEAT says that one is there, AGAIN also that
    parcels are missing, and CLOSE ends the link for a reason."""

    OPEN = 1
    DATA = 2
    BEAT = 3
    AGAIN = 4
    CLOSE = 5


DATA = Kind.DATA  # nearly always; to look it up takes longer


class Envelope(NamedTuple):
    """One message of a gateway to another.

    Each end of a link has a random name, so that what was sent before a break is for nobody.

    Attributes:
        gateway: id of the sender, 8 hexadecimal digits.
        end, to: the end that it comes from and the one that it is for, 8 bytes each; NOBODY where
            the sender does not know the other one.
        number: of DATA its own, otherwise that of the last parcel sent.
        received: the last parcel that came in order.
        data: the parcel, or of CLOSE the reason.
    """

    kind: Kind
    gateway: str
    end: bytes
    to: bytes = NOBODY
    number: int = 0
    received: int = 0
    data: bytes = b""

    def pack(self) -> bytes:
        """As bytes."""
        kind, gateway, end, to, number, received, data = self
        return HEAD.pack(VERSION, kind, gateway.encode(), end, to, number, received) + data


def stamp(gateway: str, end: bytes, to: bytes) -> bytes:
    """How DATA of this end for that one begins."""
    return STAMP.pack(VERSION, DATA, gateway.encode(), end, to)


def unpack(message: bytes) -> Envelope:
    """What these bytes say. Raises ValueError if it is not for this version."""
    if len(message) < HEAD.size:
        raise ValueError(f"{len(message)} bytes, expected {HEAD.size} or more")
    version, kind, gateway, end, to, number, received = HEAD.unpack_from(message)
    if version != VERSION:
        raise ValueError(f"version {version}, expected {VERSION}")
    kind = DATA if kind == DATA else Kind(kind)
    return Envelope(kind, gateway.decode("ascii"), end, to, number, received, message[HEAD.size :])


@dataclass(frozen=True, slots=True)
class Subjects:
    """Where gateways of one cluster speak; all begin with prack.CLUSTER."""

    cluster: str

    @property
    def hello(self) -> str:
        """Each gateway says its id here, twice a second."""
        return f"prack.{self.cluster}.hello"

    def inbox(self, gateway: str) -> str:
        """What is for this gateway."""
        return f"prack.{self.cluster}.to.{gateway}"

    def gone(self, gateway: str, peer: str) -> str:
        """Where NATS tells a gateway that nobody listens to this peer's inbox."""
        return f"prack.{self.cluster}.gone.{gateway}.{peer}"
