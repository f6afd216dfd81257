"""The last quarter of an hour, second by second."""

from collections import deque
from typing import NamedTuple

from prack_grpc.telemetry.books.histogram import Counts, quantile, total
from prack_grpc.telemetry.books.place import Second

WINDOW = 60  # seconds that rates of now are reckoned over
PARTS = (0.5, 0.95, 0.99)


class Waits(NamedTuple):
    """Quantiles in seconds, None without requests."""

    p50: float | None
    p95: float | None
    p99: float | None


NONE = Waits(None, None, None)


class Point(NamedTuple):
    """One second, which ended `at` this Unix second; `requests` and errors are counts.

    What waits and the slots are as they were at its end.
    """

    at: int
    requests: int
    gateway_errors: int
    worker_errors: int
    client_gone: int
    total: Waits
    queue: Waits
    worker: Waits
    gateway: Waits
    waiting: int
    slots: int
    slots_used: int


def waits(counts: Counts) -> Waits:
    """The quantiles that are shown."""
    p50, p95, p99 = (quantile(counts, part) for part in PARTS)
    return Waits(p50, p95, p99)


class History:
    """`points` are the curves, `seconds` the last ones in full."""

    def __init__(self, most: int) -> None:
        self.points: deque[Point] = deque(maxlen=most)
        self.seconds: deque[Second] = deque(maxlen=WINDOW)

    def close(self, second: Second, at: int, waiting: int, slots: int, used: int) -> None:
        """A second is over. Those in which nobody could look have no requests."""
        self.seconds.append(second)
        last = self.points[-1].at if self.points else at - 1
        at = max(at, last + 1)
        for missed in range(max(last + 1, at - (self.points.maxlen or 0)), at):
            self.points.append(
                Point(missed, 0, 0, 0, 0, NONE, NONE, NONE, NONE, waiting, slots, used)
            )
        ends = second.ends
        self.points.append(
            Point(
                at,
                ends.requests,
                ends.gateway,
                ends.worker,
                ends.gone,
                waits(second.waits),
                waits(second.queue),
                waits(second.taken),
                waits(second.ours),
                waiting,
                slots,
                used,
            )
        )

    def parts(self) -> dict[str, Waits]:
        """The waits of the last seconds: `total`, and in `queue`, `worker` and `gateway`."""
        seconds = self.seconds
        return {
            "total": waits(total(second.waits for second in seconds)),
            "queue": waits(total(second.queue for second in seconds)),
            "worker": waits(total(second.taken for second in seconds)),
            "gateway": waits(total(second.ours for second in seconds)),
        }
