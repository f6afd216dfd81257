"""How fast a line moves."""

SPAN = 5.0
# Below these a rate says more about chance, or about the burst that has just come, than about
# the workers.
MIN_SECONDS = 5.0
MIN_COUNT = 10


class Pace:
    """What left a line for a worker, over the last one to two spans of 5 s in which it was one."""

    __slots__ = ("_before", "_count", "_since")

    def __init__(self) -> None:
        self._since = self._before = 0.0
        self._count = (0, 0)  # in the span before this one, and in this one

    def start(self, now: float) -> None:
        """Something waits, and nothing did before."""
        self._since = self._before = now
        self._count = (0, 0)

    def mark(self, now: float) -> None:
        """One has left the line for a worker."""
        self._turn(now)
        before, count = self._count
        self._count = before, count + 1

    def rate(self, now: float) -> float | None:
        """Hand-outs a second; None while it cannot be told."""
        self._turn(now)
        seconds, count = now - self._before, sum(self._count)
        if seconds < MIN_SECONDS or count < MIN_COUNT:
            return None
        return count / seconds

    def _turn(self, now: float) -> None:
        if now - self._since < SPAN:
            return
        stale = now - self._since >= 2 * SPAN
        self._before = now - SPAN if stale else self._since
        self._count = (0, 0) if stale else (self._count[1], 0)
        self._since = now
