"""Log lines: pretty on a terminal, JSON otherwise. Control bytes never reach the output raw."""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from select import PIPE_BUF
from typing import Any, TextIO

from prack_wire import json_lines

MOST_LINES = 100  # of one turn
COLORS = {"WARNING": "33", "ERROR": "31", "CRITICAL": "31"}


class TurnHandler(logging.StreamHandler[TextIO]):
    """Writes what one turn of the event loop has to say at once; what is wrong it says now.

    A system call for each line would cost as much as all else that makes one.
    """

    def __init__(self, stream: TextIO, shared: bool = False) -> None:
        """A stream that is `shared` with other processes gets what a pipe does not mix."""
        super().__init__(stream)
        self._shared = shared
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._lines.append(self.format(record))
            if record.levelno >= logging.WARNING or len(self._lines) >= MOST_LINES:
                self.flush()
            elif len(self._lines) == 1:
                self._flush_later()
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            for piece in self._pieces(lines) if lines else ():
                self.stream.write("\n".join(piece) + self.terminator)
                super().flush()
        finally:
            self.release()

    def _pieces(self, lines: list[str]) -> Iterator[list[str]]:
        """The lines that are written at a time: all, or as many as pipe(7) keeps together."""
        if not self._shared:
            yield lines
            return
        piece: list[str] = []
        size = 0
        for line in lines:
            length = len(line.encode(errors="replace")) + 1
            if piece and size + length > PIPE_BUF:
                yield piece
                piece, size = [], 0
            piece.append(line)
            size += length
        yield piece

    def _flush_later(self) -> None:
        try:
            asyncio.get_running_loop().call_soon(self._end_turn)
        except RuntimeError:
            self.flush()  # before or after the loop, or in another thread

    def _end_turn(self) -> None:
        with suppress(OSError, ValueError):  # nobody reads what is written: nobody can be told
            self.flush()


class LabellingFormatter(logging.Formatter):
    """Its lines have these `labels`, too: they tell processes apart."""

    labels: Callable[[], Mapping[str, str]] = dict


class JsonFormatter(LabellingFormatter):
    """One JSON object a line: `time` (RFC 3339, UTC), `level`, `message` and the extra fields.

    Of several processes, each line has the number of its own.
    """

    def __init__(self, process: int = 0) -> None:
        super().__init__()
        self._always = {"process": process} if process else {}

    def format(self, record: logging.LogRecord) -> str:
        line = {
            **json_lines.head(record),
            **self._always,
            **json_lines.added(record),
            **self.labels(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json_lines.encode(line)


class PrettyFormatter(LabellingFormatter):
    """For people: time, level, sentence, then the extra fields as `name=value`."""

    def __init__(self, color: bool, process: int = 0) -> None:
        super().__init__()
        self._color = color
        self._mark = f"[{process}] " if process else ""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        extra = {**json_lines.added(record), **self.labels()}
        action = extra.pop("action", None)
        text = _request(extra) if action == "request" else record.getMessage()
        rest = " ".join(f"{name}={_printable(value)}" for name, value in extra.items())
        level = f"{record.levelname:<7}"
        if self._color and (code := COLORS.get(record.levelname)):
            level = f"\x1b[{code}m{level}\x1b[0m"
        line = f"{time} {level} {self._mark}{text}  {rest}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _request(extra: dict[str, Any]) -> str:
    """An access line starts with what one looks for, and leaves out what only machines do."""
    status = extra.pop("status") or "---"
    method, target = extra.pop("method"), _printable(extra.pop("target"))
    for name in ("request_id", "exchange", "trace_id", "worker_ms", "gateway_ms"):
        extra.pop(name, None)
    return f"{status} {method} {target}"


def _printable(value: Any) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(value))


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn takes a WebSocket that is refused with a status for a mistake."""
    return record.getMessage() != "ASGI callable returned without completing handshake."


def configure(format_: str, level: str, stream: TextIO = sys.stderr, process: int = 0) -> None:
    """Send all logs of this process to `stream`; `format_` is `auto`, `pretty` or `json`.

    It has a number if there are several.
    """
    terminal = stream.isatty()
    pretty = format_ == "pretty" or (format_ == "auto" and terminal)
    handler = TurnHandler(stream, shared=process > 0)
    handler.setFormatter(PrettyFormatter(terminal, process) if pretty else JsonFormatter(process))
    handler.setLevel(level.upper())  # marks are made of lines that may not be written
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def label(labels: Callable[[], Mapping[str, str]]) -> None:
    """Have the lines of `configure` say where they come from."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, LabellingFormatter):
            handler.formatter.labels = labels


def announce_alone() -> None:
    """Start and stop are ours to tell, not also the server's below."""
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
