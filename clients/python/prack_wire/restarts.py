"""When a process that has ended is started again."""

# A process that has served for so long was well.
STEADY_SECONDS = 60.0
FIRST_SECONDS, MOST_SECONDS = 1.0, 30.0


class Restarts:
    """The waits of one process: none at first, then longer each time that it ends soon."""

    def __init__(self) -> None:
        self._next = 0.0

    def wait(self, served: float) -> float:
        """For so many seconds, now that it has ended after it has `served` for so many."""
        wait = 0.0 if served >= STEADY_SECONDS else self._next
        self._next = min(max(2 * wait, FIRST_SECONDS), MOST_SECONDS)
        return wait
