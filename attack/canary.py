"""A normal client, whose GETs must all be answered."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from attack.cores import as_if_alone
from attack.wire import unchecked

SECONDS = 5.0  # an answer that takes longer is none
PAUSE_SECONDS = 0.002
# Beside an attack a canary may wait so many times as long as alone. Where alone it waits for longer
# than BUSY_SECONDS, it says nothing about the gateway.
TIMES, BUSY_SECONDS = 3.0, 0.005


def p99(values: Sequence[float]) -> float:
    """What one in a hundred is more than."""
    return sorted(values)[len(values) * 99 // 100]


@dataclass
class Canary:
    """Asks from a thread of its own, on one connection, while it is used as a context.

    `times` are seconds of what was answered, `missed` says what was not. Its requests are told from
    others by their target.
    """

    port: int
    tls: bool = False
    target: str = "/"
    times: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def __enter__(self) -> "Canary":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def p99(self) -> float:
        """Seconds that one in a hundred took longer than."""
        return p99(self.times) if self.times else SECONDS

    @property
    def worst(self) -> float:
        """The same, or SECONDS if anything was missed."""
        return SECONDS if self.missed else self.p99

    def _connection(self) -> http.client.HTTPConnection:
        if not self.tls:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        context = unchecked()
        return http.client.HTTPSConnection("localhost", self.port, timeout=SECONDS, context=context)

    def _run(self) -> None:
        as_if_alone()
        connection = self._connection()
        while not self._stop.wait(PAUSE_SECONDS):
            began = time.perf_counter()
            try:
                connection.request("GET", self.target)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException) as error:
                self.missed.append(repr(error))
                connection.close()
                continue
            if response.status == 200:
                self.times.append(time.perf_counter() - began)
            else:
                self.missed.append(str(response.status))
        connection.close()


@contextmanager
def asking(canaries: Iterable[Canary]) -> Iterator[None]:
    """Have all of them ask while this is entered."""
    with ExitStack() as stack:
        for canary in canaries:
            stack.enter_context(canary)
        yield


@dataclass(frozen=True)
class Watch:
    """A canary `alone`, before and after an attack, and one `beside` it, at the same port."""

    alone: Canary
    beside: Canary

    @classmethod
    def of(cls, port: int, tls: bool = False, target: str = "/") -> "Watch":
        """What has not begun; `target` is what it asks for beside the attack."""
        return cls(Canary(port, tls), Canary(port, tls, target))

    @property
    def busy(self) -> bool:
        """The machine had too much else to do for the times to count."""
        return self.alone.p99 > BUSY_SECONDS

    @property
    def times(self) -> float:
        """How many times as long it waited beside the attack."""
        return self.beside.p99 / self.alone.p99

    @property
    def unanswered(self) -> str:
        """What was not answered, if anything."""
        missed = [*self.alone.missed, *self.beside.missed]
        return f"was not answered: {dict(Counter(missed))}" if missed else ""

    def late(self, slack: float) -> str:
        """That it waited too long, if it did. Up to `slack` seconds are never too long."""
        alone, beside = self.alone.p99, self.beside.p99
        if self.busy or beside <= max(TIMES * alone, slack):
            return ""
        return f"has a p99 of {1000 * beside:.1f} ms, {1000 * alone:.1f} ms alone"
