"""What happened beside requests: marks for the curves, taken from the log.

A mark and a line in the log are the same event; whatever is to be marked is logged.
"""

import logging
from collections import deque
from dataclasses import dataclass

# Kinds of marks by the action of a line.
KINDS = {
    "started": "started",
    "worker_connected": "joined",
    "worker_left": "left",
    "worker_lost": "lost",
    "drained": "drain",
    "resumed": "resume",
    "traffic": "traffic",
    "upgraded": "upgrade",
    "took_over": "upgrade",
}
TEXTS = {
    "started": "the gateway has started",
    "joined": "{worker} has joined",
    "deploy": "{service} {version}: its first worker has joined",
    "left": "{worker} has left",
    "lost": "{worker} was lost with requests in progress",
    "drain": "{who} is given no new requests",
    "resume": "{who} is given requests again",
    "traffic": "{service}: its traffic is divided anew",
    "upgrade": "the gateway was upgraded",
}
MOST_VERSIONS = 1000


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at this Unix time; names are empty where they do not belong."""

    at: float
    kind: str
    text: str
    worker: str = ""
    service: str = ""
    version: str = ""


class Marks(logging.Handler):
    """The last marks, the newest at the end; `count` is how many there have been."""

    def __init__(self, most: int) -> None:
        super().__init__(logging.INFO)
        self.last: deque[Mark] = deque(maxlen=most)
        self.count = 0
        self._versions: dict[tuple[str, str], None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        line = vars(record)
        if kind := KINDS.get(line.get("action", "")):
            names = (str(line.get(name) or "") for name in ("worker", "service", "version"))
            self.add(record.created, kind, *names)

    def add(
        self, at: float, kind: str, worker: str = "", service: str = "", version: str = ""
    ) -> None:
        """Mark an event; the first worker of a version is a deploy."""
        if kind == "joined" and self._is_new(service, version):
            kind = "deploy"
        who = worker or f"{service} {version}".strip()
        text = TEXTS[kind].format(worker=worker, service=service, version=version, who=who)
        self.last.append(Mark(at, kind, text, worker, service, version))
        self.count += 1

    def since(self, count: int) -> list[Mark]:
        """What has come since there were so many."""
        new = min(self.count - count, len(self.last))
        return list(self.last)[-new:] if new > 0 else []

    def fate(self, worker: str) -> str:
        """What became of a worker that is gone: `lost` or `left`."""
        ends = (mark.kind for mark in reversed(self.last) if mark.worker == worker)
        return "lost" if next(ends, "") == "lost" else "left"

    def _is_new(self, service: str, version: str) -> bool:
        if not version or (service, version) in self._versions:
            return False
        self._versions[service, version] = None
        if len(self._versions) > MOST_VERSIONS:
            del self._versions[next(iter(self._versions))]
        return True
