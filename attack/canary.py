"""A normal client, whose GETs must all be answered."""

import http.client
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from attack.cores import as_if_alone
from attack.wire import unchecked

SECONDS = 5.0  # an answer that takes longer is none
PAUSE_SECONDS = 0.002


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
