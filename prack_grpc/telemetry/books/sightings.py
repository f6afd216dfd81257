"""Which workers are here, and which were a moment ago."""

from dataclasses import dataclass

from prack_grpc.core.status import WorkerStatus
from prack_grpc.telemetry.books.marks import Marks

POLL_SECONDS = 60.0  # a worker that polls is somewhere between two polls for at most so long
REMEMBERED_SECONDS = 900.0


@dataclass(slots=True)
class Sighting:
    """A worker as it was last seen, and when first and last by `time.monotonic`.

    It is `gone` if it has `left` or was `lost`.
    """

    status: WorkerStatus
    first: float
    last: float
    gone: str = ""


class Sightings:
    """The workers of the last quarter of an hour, at most so many; the longest gone make room."""

    def __init__(self, marks: Marks, most: int) -> None:
        self._marks = marks
        self._most = most
        self.known: dict[tuple[str, str, str], Sighting] = {}

    def look(self, workers: list[WorkerStatus], now: float, at: float) -> None:
        """These are here now, at this Unix time."""
        here = {(row.worker, row.service, row.version): row for row in workers}
        for key, row in here.items():
            seen = self.known.get(key)
            if seen is None or seen.gone:
                self.known[key] = Sighting(row, now - row.seconds, now)
                if row.transport == "rest":
                    self._marks.add(at, "joined", *key)
            else:
                seen.status, seen.last = row, now
        for key, seen in list(self.known.items()):
            if key not in here:
                self._miss(key, seen, now, at)

    def _miss(self, key: tuple[str, str, str], seen: Sighting, now: float, at: float) -> None:
        away = now - seen.last
        if away > REMEMBERED_SECONDS or len(self.known) > self._most:
            del self.known[key]
        elif seen.gone:
            return
        elif seen.status.transport != "rest":
            seen.gone = self._marks.fate(key[0])
        elif away > POLL_SECONDS:
            seen.gone = "left"
            self._marks.add(at, "left", *key)
