"""The worker's own lines on the terminal."""

from __future__ import annotations

import logging

from prack_wire.terminal import visible

log = logging.getLogger("prack_worker")


class Lines(logging.Formatter):
    """Shows what a gateway has said, and whatever answered in its place, but does not obey it."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. A traceback comes after it."""
        return visible(super().formatMessage(record))


def start_logging(level: str) -> None:
    """Configured after the application was loaded, because loading it may reset all loggers."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    log.handlers = [handler]
    log.setLevel(level.upper())
    log.propagate = False
    log.disabled = False
