"""Looks at everything once a second, and remembers what a single look cannot tell."""

import time
from collections import deque
from collections.abc import Callable

from prack_grpc.core.limits import BookLimits
from prack_grpc.core.status import Status
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.books.demands import Demands
from prack_grpc.telemetry.books.history import History
from prack_grpc.telemetry.books.marks import Marks
from prack_grpc.telemetry.books.sightings import Sightings

LAGS = 15  # seconds


class Watch:
    """The figures of now and of the last quarter of an hour. `now` is of `time.monotonic`.

    `look_up` tells of queue and workers now, `status` is the last look, `demands` what was seen of
    each route and service.
    """

    def __init__(
        self, books: Books, marks: Marks, limits: BookLimits, status: Callable[[], Status]
    ) -> None:
        self.books = books
        self.marks = marks
        self.history = History(limits.seconds)
        self.workers = Sightings(marks, limits.workers)
        self.demands = Demands()
        self.look_up = status
        self.status = status()
        self.looked_at = 0.0
        self._offset = time.time() - time.monotonic()
        self.started_at = time.time()
        self.looks = 0
        self._lags: deque[float] = deque(maxlen=LAGS)
        self._late = 0.0  # at most, since the last look

    @property
    def lag(self) -> float:
        """The longest turn of the event loop in the last 15 s, in seconds."""
        return max(self._lags, default=0.0)

    def late(self, seconds: float) -> None:
        """The event loop came to something by so much too late."""
        self._late = max(self._late, seconds)

    def look(self, now: float) -> None:
        """To be called once a second."""
        at, self.looked_at = time.time(), now
        self._offset = at - now
        self._lags.append(self._late)
        self._late = 0.0
        self.status = status = self.look_up()
        second = self.books.turn(now)
        here = status.here
        slots, used = sum(row.slots for row in here), sum(row.held for row in here)
        self.history.close(second, int(at), status.queue.waiting, slots, used)
        self.workers.look(here, now, at)
        self.demands.look(status.routes, self.workers.known.values(), now)
        self.looks += 1

    def unix(self, instant: float) -> float:
        """The Unix time of an instant of `time.monotonic`."""
        return self._offset + instant
