"""Warnings that a stranger can cause as often as he likes."""

import logging
import time

SILENT_SECONDS = 60.0


class Complaint:
    """One warning, written at once and then at most once a minute, with how often it was due."""

    def __init__(self, log: logging.Logger, action: str, message: str) -> None:
        self._log = log
        self._action = action
        self._message = message
        self._times = 0
        self._silent_until = 0.0

    def make(self, **fields: object) -> None:
        """Write it, or count it until it may be written again; the field `times` says how often."""
        self._times += 1
        now = time.monotonic()
        if now >= self._silent_until:
            fields |= {"action": self._action, "times": self._times}
            self._log.warning(self._message, extra=fields)
            self._silent_until, self._times = now + SILENT_SECONDS, 0
