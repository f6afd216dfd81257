"""Log lines as JSON: what those of the gateway and of the worker have in common."""

import json
import logging
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}
encode = json.JSONEncoder(default=str).encode


def head(record: logging.LogRecord) -> dict[str, Any]:
    """What each line begins with: `time` (RFC 3339, UTC), `level`, `logger` and `message`."""
    return {
        "time": f"{_second(int(record.created))}.{int(record.created % 1 * 1000):03d}+00:00",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
    }


def added(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that whoever logged has added."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


@lru_cache(maxsize=1)
def _second(since_epoch: int) -> str:
    return datetime.fromtimestamp(since_epoch, UTC).strftime("%Y-%m-%dT%H:%M:%S")
