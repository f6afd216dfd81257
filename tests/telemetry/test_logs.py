"""What logs look like, and when they are written."""

import asyncio
import io
import json
import logging
from select import PIPE_BUF

import pytest

from prack_grpc.telemetry.logs import MOST_LINES, JsonFormatter, PrettyFormatter, TurnHandler, label


class Stream(io.StringIO):
    """Counts the writes, and measures them."""

    writes = longest = 0

    def write(self, text: str) -> int:
        self.writes += 1
        self.longest = max(self.longest, len(text.encode()))
        return super().write(text)


@pytest.fixture
def stream() -> Stream:
    return Stream()


@pytest.fixture
def log(stream: Stream) -> logging.Logger:
    """A logger of nobody else's, with the handler and the formatter of the gateway."""
    handler = TurnHandler(stream)
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("test")
    log.addHandler(handler)
    return log


def lines(stream: Stream) -> list[str]:
    return [json.loads(line)["message"] for line in stream.getvalue().splitlines()]


async def test_the_lines_of_one_turn_are_one_write(log: logging.Logger, stream: Stream) -> None:
    for number in range(5):
        log.info("line %d", number)
    assert stream.writes == 0
    await asyncio.sleep(0)
    assert lines(stream) == [f"line {number}" for number in range(5)]
    assert stream.writes == 1


async def test_what_is_wrong_is_written_at_once_and_in_order(
    log: logging.Logger, stream: Stream
) -> None:
    log.info("before")
    log.warning("wrong")
    assert lines(stream) == ["before", "wrong"]
    log.info("after")
    await asyncio.sleep(0)
    assert lines(stream) == ["before", "wrong", "after"]


async def test_many_lines_do_not_wait_for_the_turn_to_end(
    log: logging.Logger, stream: Stream
) -> None:
    for number in range(MOST_LINES):
        log.info("line %d", number)
    assert len(lines(stream)) == MOST_LINES


def test_without_a_loop_every_line_is_written_at_once(log: logging.Logger, stream: Stream) -> None:
    log.info("alone")
    assert lines(stream) == ["alone"]


async def test_another_thread_writes_at_once(log: logging.Logger, stream: Stream) -> None:
    await asyncio.to_thread(log.info, "from a thread")
    assert lines(stream) == ["from a thread"]


def test_a_json_line_has_its_time_in_utc_and_its_fields(
    log: logging.Logger, stream: Stream
) -> None:
    record = logging.LogRecord("test", logging.INFO, "", 0, "hello %s", ("you",), None)
    record.created = 1_800_000_000.0625
    vars(record).update(action="greet", count=3)
    log.handle(record)
    assert json.loads(stream.getvalue()) == {
        "time": "2027-01-15T08:00:00.062+00:00",
        "level": "info",
        "logger": "test",
        "message": "hello you",
        "action": "greet",
        "count": 3,
    }


def test_lines_say_which_gateway_wrote_them_while_there_are_several(
    log: logging.Logger, stream: Stream
) -> None:
    labels: dict[str, str] = {}
    formatters = JsonFormatter(), PrettyFormatter(color=False)
    for formatter in formatters:
        formatter.labels = lambda: labels
    record = logging.LogRecord("test", logging.INFO, "", 0, "hello", None, None)
    alone = [formatter.format(record) for formatter in formatters]
    labels.update(gateway="1a2b3c4d", process="2")
    machine, people = (formatter.format(record) for formatter in formatters)
    assert json.loads(machine) == json.loads(alone[0]) | labels
    assert people == f"{alone[1]}  gateway=1a2b3c4d process=2"


def test_all_lines_of_the_process_are_labelled() -> None:
    root, handler = logging.getLogger(), logging.NullHandler()
    formatter = JsonFormatter()
    handler.setFormatter(formatter)
    root.addHandler(handler)
    try:
        label(lambda: {"gateway": "1a2b3c4d"})
    finally:
        root.removeHandler(handler)
    line = formatter.format(logging.LogRecord("test", logging.INFO, "", 0, "hello", None, None))
    assert json.loads(line)["gateway"] == "1a2b3c4d"


def test_control_bytes_and_tracebacks_stay_in_their_line(
    log: logging.Logger, stream: Stream
) -> None:
    try:
        raise ValueError("bad\nluck")
    except ValueError:
        log.exception("evil\r\nline\x1b[31m")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["traceback"].endswith("ValueError: bad\nluck")


class Full(Stream):
    """Takes nothing."""

    def write(self, text: str) -> int:
        raise OSError("no space left on the device")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    """A logger whose lines cannot be written; nor can what is wrong with them."""
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = TurnHandler(Full())
    handler.setFormatter(JsonFormatter())
    log = logging.Logger("full")
    log.addHandler(handler)
    return log


async def test_a_line_that_cannot_be_written_is_nobody_elses_trouble(full: logging.Logger) -> None:
    troubles: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    full.warning("now")
    for _ in range(MOST_LINES + 1):
        full.info("later")
    await asyncio.sleep(0)
    assert troubles == []


def test_people_are_shown_less_of_a_request(stream: Stream) -> None:
    handler = TurnHandler(stream)
    handler.setFormatter(PrettyFormatter(color=False))
    record = logging.makeLogRecord({"levelno": logging.INFO, "levelname": "INFO"})
    request = {"action": "request", "status": 200, "method": "GET", "target": "/a", "total_ms": 4.2}
    hidden = dict.fromkeys(("request_id", "exchange", "trace_id"), "hidden")
    vars(record).update(request | hidden | {"worker_ms": 3.1, "gateway_ms": 0.2})
    handler.handle(record)
    _, _, line = stream.getvalue().partition("INFO")
    assert line.split() == ["200", "GET", "/a", "total_ms=4.2"]


async def test_what_several_processes_write_is_whole_and_says_whose_it_is(stream: Stream) -> None:
    """A pipe does not mix so many bytes with others', so no line is cut."""
    handler = TurnHandler(stream, shared=True)
    handler.setFormatter(JsonFormatter(process=2))
    log = logging.Logger("test")
    log.addHandler(handler)
    for number in range(50):
        log.info("line %d", number, extra={"action": "x" * 100})
    log.warning("y" * PIPE_BUF)
    assert {json.loads(line)["process"] for line in stream.getvalue().splitlines()} == {2}
    assert lines(stream) == [*(f"line {number}" for number in range(50)), "y" * PIPE_BUF]
    assert 3 <= stream.writes <= 4
    assert stream.getvalue().endswith("\n")


def test_people_see_whose_a_line_is() -> None:
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO"})
    assert PrettyFormatter(color=False, process=2).format(record).endswith("INFO    [2] hello")
