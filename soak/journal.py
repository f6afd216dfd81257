"""What workers did, as lines of JSON: written by each worker, read by the soak.

A visit is one run of one request in a worker's application. Times are those of CLOCK_MONOTONIC,
which all processes of a machine share.
"""

import itertools
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from time import monotonic

FOLDER = "SOAK_JOURNALS"  # names the folder of journals to a worker


class State(StrEnum):
    """Where a request can be when a fault strikes."""

    QUEUED = "queued"
    LEASED = "leased"
    ANSWERING = "answering"


class Journal:
    """A worker's. A line is with the kernel before the worker goes on, whatever kills it then."""

    def __init__(self) -> None:
        path = Path(os.environ[FOLDER]) / f"{os.getpid()}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._numbers = itertools.count()

    def begin(self, nonce: str, attempt: int) -> "Entry":
        """A request has come to the application: the first time, or another one."""
        entry = Entry(self, nonce, next(self._numbers))
        entry.say("start", nonce=nonce, attempt=attempt)
        return entry

    def write(self, **line: str | float) -> None:
        """Add a line."""
        os.write(self._file, f"{json.dumps(line)}\n".encode())


class Entry:
    """A visit, as the worker writes it down."""

    def __init__(self, journal: Journal, nonce: str, number: int) -> None:
        self.nonce = nonce
        self._journal = journal
        self._number = number
        self._over = False

    def say(self, event: str, **more: str | int) -> None:
        """`head` before the head is sent; what `begin` and `end` say is theirs."""
        self._journal.write(visit=self._number, event=event, at=monotonic(), **more)

    def end(self) -> None:
        """It is over, however it ended; only the first time counts."""
        if not self._over:
            self._over = True
            self.say("finish")


@dataclass(slots=True)
class Visit:
    """A visit, as it is read again: seconds, None for what has not happened.

    `attempt` counts the workers that were given the request, this one included.
    """

    nonce: str
    pid: int
    attempt: int
    start: float
    head: float | None = None
    finish: float | None = None

    def state(self, at: float) -> State | None:
        """Its state at that time, if it was under way."""
        if at < self.start or (self.finish is not None and self.finish <= at):
            return None
        return State.LEASED if self.head is None or at < self.head else State.ANSWERING


@dataclass
class Reader:
    """Follows the journal of one worker."""

    folder: Path
    pid: int
    visits: list[Visit] = field(default_factory=list)
    _offset: int = 0

    def update(self) -> list[Visit]:
        """All visits, those of the lines that have come meanwhile included."""
        path = self.folder / f"{self.pid}.jsonl"
        data = path.read_bytes()[self._offset :] if path.exists() else b""
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        for text in data.splitlines():
            line = json.loads(text)
            if line["event"] == "start":
                self.visits.append(Visit(line["nonce"], self.pid, line["attempt"], line["at"]))
            else:
                setattr(self.visits[line["visit"]], line["event"], line["at"])
        return self.visits
