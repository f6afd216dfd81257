"""The two forms of a line: text, and JSON."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from prack_wire import json_lines
from prack_wire.terminal import visible
from prack_worker.logs.request_id import request_id

FORMATS = ("text", "json")


class TextFormatter(logging.Formatter):
    """Shows what a gateway has said, and whatever answered in its place, but does not obey it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """See logging.Formatter. A traceback comes after it."""
        return visible(super().formatMessage(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, as the gateway writes them: see `prack_wire.json_lines`.

    In the context of a request there is its `request_id`. By its name in a configuration:
    `{"()": "prack_worker.JsonFormatter"}`.
    """

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = {**json_lines.head(record), **json_lines.added(record)}
        if identifier := request_id.get():
            line.setdefault("request_id", identifier)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        elif record.exc_text:  # of another process
            line["traceback"] = record.exc_text
        return json_lines.encode(line)


def handler(form: str) -> logging.StreamHandler[TextIO]:
    """One that writes lines of this form, one of FORMATS, to stderr."""
    made = logging.StreamHandler(sys.stderr)
    made.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    return made
