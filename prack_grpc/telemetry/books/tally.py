"""Requests that ended alike, until they are counted."""

from prack_grpc.core.http.message import HTTP, Kind
from prack_grpc.core.worker import Profile

WIDTH = 6  # of a row: queue, worker, ours, wait, taken, sent
Labels = tuple[Profile | None, str, str, int, str, Kind]


class Tally:
    """What they have in common, a row of each, and when the last one ended; as `Ended` has it.

    One row follows the other in one list, as it takes less time than a tuple for each.
    `durations` are empty if they are the waits.
    """

    __slots__ = (
        "durations", "ended", "error", "kind", "method", "profile", "route", "rows", "status",
    )  # fmt: skip

    def __init__(
        self,
        profile: Profile | None,
        route: str,
        method: str,
        status: int,
        error: str = "",
        kind: Kind = HTTP,
    ) -> None:
        self.profile = profile
        self.route = route
        self.method = method
        self.status = status
        self.error = error
        self.kind = kind
        self.ended = 0.0
        self.clear()

    def clear(self) -> None:
        """Forget those that are counted."""
        self.rows: list[float] = []
        self.durations: list[float] = []

    @property
    def requests(self) -> int:
        """How many are not counted."""
        return len(self.rows) // WIDTH

    @property
    def labels(self) -> Labels:
        """What they have in common."""
        return self.profile, self.route, self.method, self.status, self.error, self.kind

    def columns(self) -> list[list[float]]:
        """The rows by their columns, and the durations."""
        columns = [self.rows[at::WIDTH] for at in range(WIDTH)]
        return [*columns, self.durations or columns[3]]


NONE = Tally(None, "", "", -1)  # no request ends like that
