"""What the gateway says while somebody develops: each request, and what is wrong."""

import logging

from prack_grpc.telemetry import logs
from prack_wire.terminal import visible


class Lines(logging.Formatter):
    """Short lines, marked as those of the gateway: the application writes to the same terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s gateway %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. A traceback comes after it."""
        if is_request(record):
            record.message = request_line(**vars(record))
        return visible(super().formatMessage(record))


def request_line(
    method: str, target: str, status: int, total_ms: float, error: str = "", **_: object
) -> str:
    """One request: what it was, how it ended, and how long that took."""
    return f"{method} {target} {status or '---'} {total_ms:.0f} ms {error}".rstrip()


def is_request(record: logging.LogRecord) -> bool:
    """Whether it is the access line of a request."""
    return getattr(record, "action", "") == "request"


def start_logging() -> None:
    """Send these lines to standard error. Addresses are announced by the command."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    handler.addFilter(lambda record: is_request(record) or record.levelno >= logging.WARNING)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logs.announce_alone()
