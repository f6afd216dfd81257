"""Hears what the gateway logs: an error there is a bug, though a client may have got an answer."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fuzz.clock import Found
from prack_grpc.telemetry.logs import configure


class Witness(logging.Handler):
    """Keeps the errors, and lets everything else go."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.errors: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """See logging."""
        self.errors.append(record)


@contextmanager
def watching() -> Iterator[None]:
    """Raises Found for an error that was logged inside."""
    root, witness = logging.getLogger(), Witness()
    others, level, root.handlers = root.handlers, root.level, []
    configure("json", "error")  # what a gateway does not log is no error
    root.handlers = [witness]
    try:
        yield
    finally:
        root.handlers, root.level = others, level
    for record in witness.errors:
        raise Found(record.getMessage()) from record.exc_info and record.exc_info[1]
