"""Lines of the log that a stranger can cause as often as he likes."""

import logging
import time

SILENT_SECONDS = 60.0


class Complaint:
    """One line, written at most once a minute, or `most` times, with how often it was due."""

    def __init__(
        self,
        log: logging.Logger,
        action: str,
        message: str,
        most: int = 1,
        level: int = logging.WARNING,
    ) -> None:
        self._log = log
        self._action = action
        self._message = message
        self._most = most
        self._level = level
        self._written = self._times = 0
        self._since = -SILENT_SECONDS

    def make(self, **fields: object) -> None:
        """Write it, or count it until it may be written again; the field `times` says how often."""
        self._times += 1
        now = time.monotonic()
        if now >= self._since + SILENT_SECONDS:
            self._since, self._written = now, 0
        if self._written < self._most:
            fields |= {"action": self._action, "times": self._times}
            self._log.log(self._level, self._message, extra=fields)
            self._written, self._times = self._written + 1, 0
