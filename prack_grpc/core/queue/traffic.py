"""How the requests of a service are divided between its versions."""

import enum
from collections.abc import Container
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate

from prack_grpc.core.errors import BadSplit
from prack_grpc.core.http.message import Request

# The multiples of this fraction divide every interval as evenly as can be.
GOLDEN = 0.6180339887498949
MAX_VERSIONS = 16
MAX_WEIGHT = 1_000_000
Pool = tuple[str, str]  # a service and a version


class StickyBy(enum.StrEnum):
    """What keeps a client with its version."""

    COOKIE = "cookie"
    HEADER = "header"


@dataclass(frozen=True, slots=True)
class Sticky:
    """Requests with the same value of this cookie or header go to the same version."""

    by: StickyBy
    name: str

    def value(self, request: Request) -> bytes:
        """The value of this request, empty if it has none."""
        wanted = b"cookie" if self.by is StickyBy.COOKIE else self.name.lower().encode("latin-1")
        fields = [value for name, value in request.headers if name == wanted]
        if self.by is StickyBy.HEADER or not fields:
            return fields[0] if fields else b""
        pairs = (pair.strip().partition(b"=") for field in fields for pair in field.split(b";"))
        name = self.name.encode("latin-1")
        return next((value for key, _, value in pairs if key == name), b"")


@dataclass(frozen=True, slots=True)
class Split:
    """Weights by version, in the order given: growing the first keeps those it has already.

    A version that is not named, or has a weight of 0, is given nothing. Weights of versions
    without workers count for nothing, unless no version has any. Raises BadSplit.
    """

    service: str
    weights: tuple[tuple[str, int], ...]
    sticky: Sticky | None = None

    def __post_init__(self) -> None:
        versions = [version for version, _ in self.weights]
        if len(set(versions)) < len(versions) or len(versions) > MAX_VERSIONS:
            raise BadSplit(f"weights: expected at most {MAX_VERSIONS} versions, each only once")
        if not all(0 <= weight <= MAX_WEIGHT for _, weight in self.weights):
            raise BadSplit(f"weights: expected whole numbers from 0 to {MAX_WEIGHT}")
        if not any(weight for _, weight in self.weights):
            raise BadSplit("weights: at least one version must have a weight above 0")

    def choose(self, request: Request, sequence: int, live: Container[Pool]) -> Pool:
        """The pool for a request; the same for the same arguments, in every process."""
        named = [(version, weight) for version, weight in self.weights if weight]
        served = [one for one in named if (self.service, one[0]) in live] or named
        total = sum(weight for _, weight in served)
        point = self._point(request, sequence) * total
        ends = accumulate(weight for _, weight in served)
        version = next(
            version for (version, _), end in zip(served, ends, strict=True) if point < end
        )
        return self.service, version

    def _point(self, request: Request, sequence: int) -> float:
        """From 0 to 1, by the client's own value or else by turns."""
        value = self.sticky.value(request) if self.sticky else b""
        if not value:
            return sequence * GOLDEN % 1
        return int.from_bytes(blake2b(value, digest_size=6).digest()) / (1 << 48)
