"""What a client sends, in the pieces that the parser is given."""

from prack_grpc.core.errors import GatewayError
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.overhead import Overhead
from prack_grpc.gateway.http.reader import Gone, Reader, Side


class Counted(Overhead):
    """Remembers how large the pieces were."""

    def __init__(self) -> None:
        super().__init__(ConnectionLimits())
        self.pieces: list[int] = []

    def piece(self, size: int, in_body: bool) -> None:
        self.pieces.append(size)
        super().piece(size, in_body)


class Owner(Gone):
    """Remembers what was refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def refuse(self, error: GatewayError) -> None:
        self.refused.append(error.kind.code)


def reader(owner: Owner) -> tuple[Reader, Counted]:
    """One whose pieces are counted."""
    made = Reader(owner, ConnectionLimits(), Side("http", None, None, {}, None))
    made.overhead = counted = Counted()
    return made, counted


def test_a_few_empty_lines_before_a_request_are_skipped() -> None:
    owner = Owner()
    one, counted = reader(owner)
    one.receive(b"\r\n" * 10 + b"GET")
    assert (counted.pieces, owner.refused, one.is_idle) == ([20, 3], [], False)


def test_many_are_refused_at_once() -> None:
    """A read of 256 KiB would be 32,000 pieces, and a second."""
    owner = Owner()
    one, counted = reader(owner)
    one.receive(b"\r\n" * 1025)
    assert (counted.pieces, owner.refused) == ([], ["framing"])
