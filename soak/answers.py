"""What a worker of the soak answers: it follows from the request, so clients can check each byte.

A request goes to `/<nonce>?wait=..&pieces=..&size=..&every=..`.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from urllib.parse import parse_qsl, urlencode


@dataclass(frozen=True, slots=True)
class Script:
    """Milliseconds to wait before the head, then pieces of so many bytes, so many ms apart."""

    wait: int = 0
    pieces: int = 1
    size: int = 64
    every: int = 0

    @classmethod
    def parse(cls, query: str) -> "Script":
        """From the query of a request."""
        return cls(**{name: int(value) for name, value in parse_qsl(query)})

    @property
    def query(self) -> str:
        """For the query of a request."""
        return urlencode(asdict(self))

    @property
    def length(self) -> int | None:
        """The Content-Length; what is made slowly has none."""
        return None if self.every else self.pieces * self.size

    def body(self, nonce: str, digest: str) -> Iterator[bytes]:
        """The pieces of the response to this request."""
        for number in range(self.pieces):
            yield piece(f"{nonce} {number} {digest}", self.size)


def piece(text: str, size: int) -> bytes:
    """So many bytes that say this, over and over."""
    return (f"{text}\n" * (size // len(text) + 1))[:size].encode()


class Digest:
    """Of a method and the body that came with it."""

    def __init__(self, method: str) -> None:
        self._sha = hashlib.sha256(method.encode())

    def add(self, data: bytes) -> None:
        """The next part of the body."""
        self._sha.update(data)

    def __str__(self) -> str:
        return self._sha.hexdigest()
