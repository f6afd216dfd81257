"""How much is measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.console import say
from bench.contender import Setup
from bench.contenders import Running, started

# Until all contenders are ready, and until they are gone.
START_SECONDS = 8


@dataclass(frozen=True)
class Plan:
    """`seconds` is the length of one sample, `rounds` how many of each kind are taken.

    `full` chooses all cases instead of the telling ones; `connections` and `app` replace those of
    `throughput` when they are given.
    """

    rounds: int
    seconds: float
    contenders: tuple[str, ...]
    full: bool = False
    connections: tuple[int, ...] = ()
    app: str = ""

    def duration(self, cases: float, more: float = 0.3) -> float:
        """Seconds of all rounds of so many samples of everybody, each `more` than a sample long."""
        return START_SECONDS + cases * len(self.contenders) * self.rounds * (self.seconds + more)

    @contextmanager
    def started(self, setup: Setup) -> Iterator[list[Running]]:
        """The contenders, ready; they all stay up, and take turns under load."""
        with TemporaryDirectory(prefix="prack-bench-") as folder:
            say(f"starting {', '.join(self.contenders)} ({setup.app})")
            with started(self.contenders, setup, Path(folder)) as found:
                yield found

    def turns(self, found: list[Running]) -> Iterator[tuple[int, Running]]:
        """Round by round, everybody."""
        for number, (one,) in self.groups(found, 1):
            yield number, one

    def groups(self, found: list[Running], size: int) -> Iterator[tuple[int, list[Running]]]:
        """The same, so many at a time. Nobody is always first, or always beside the same other."""
        for number in range(self.rounds):
            by = number % max(1, len(found))
            turned = found[by:] + found[:by]
            for start in range(0, len(found), size):
                yield number, turned[start : start + size]
