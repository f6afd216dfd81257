"""Whatever listens at the port cannot steer the terminal of who asks it, nor break the command."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from prack_grpc.cli.main import main
from prack_wire.terminal import visible
from tests.acceptance.processes import PROBE, Launcher, launching
from tests.cli.conftest import Answer

# Clear the screen, set the title, forge a row, write backwards, and C1's spelling of an escape.
HOSTILE = "a\x1b[2J\x1b]0;title\x07\r\nb\u202ec\x9b1md\x7f"
SHOWN = r"a\x1b[2J\x1b]0;title\x07\r\nb\u202ec\x9b1md\x7f"


def printed(port: int, line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command shows."""
    main([*line.split(), "--api-port", str(port)])
    shown = capsys.readouterr()
    return shown.out + shown.err


ROW = {"worker": HOSTILE, "service": HOSTILE, "version": "1", "state": HOSTILE, "seconds": 1.0}
ANSWERS: list[tuple[str, Any]] = [
    ("workers", {"workers": [{**ROW, HOSTILE: HOSTILE}]}),
    ("workers --json", {"workers": [ROW]}),
    ("routes", {"routes": [{"route": HOSTILE}]}),
    ("versions", {"versions": [ROW]}),
    ("traffic", {"traffic": [{"service": HOSTILE, "weights": {HOSTILE: 1}, "sticky": HOSTILE}]}),
    ("drain w1", {"workers": 1, "held": HOSTILE}),
    (
        "queue",
        {
            **dict.fromkeys(("waiting", "waiting_bytes", "open_leases", "accepted"), HOSTILE),
            "oldest": 1.0,
            "done": {HOSTILE: HOSTILE},
        },
    ),
]


@pytest.mark.parametrize(("line", "body"), ANSWERS)
def test_escapes_are_shown_not_obeyed(
    answer: Answer, line: str, body: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(answer(json.dumps(body).encode()), line, capsys)
    assert all(c.isprintable() or c == "\n" for c in shown)
    assert r"\x1b[2J" in shown or r"\u001b[2J" in shown


@pytest.mark.parametrize("line", ["workers", "drain w1", "traffic", "healthcheck"])
def test_errors_are_shown_the_same_way(
    answer: Answer, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = json.dumps({"detail": HOSTILE}).encode()
    for body in (problem, b"\x1b[2J"):
        shown = printed(answer(body, 500, "no\x1b[2J"), line, capsys)
        assert all(c.isprintable() or c == "\n" for c in shown)
        assert r"\x1b[2J" in shown


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"[]", b"{}", b'{"workers": 5}', b'{"workers": [5]}', b"[" * 100_000]
)
def test_what_is_no_gateway_is_said_so(
    answer: Answer, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(answer(body), "workers", capsys)
    assert shown.startswith("prack: ")
    assert "Traceback" not in shown


def test_everything_that_cannot_be_seen_is_escaped() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("Über 東京 ☕") == "Über 東京 ☕"


def test_the_log_of_a_worker_shows_them_too(answer: Answer, launch: Launcher) -> None:
    for scheme in ("prack", "http"):
        url = f"{scheme}://127.0.0.1:{answer(b'', 500, HOSTILE[:10])}"
        command = (sys.executable, "-m", "prack_worker", PROBE, "--gateway", url)
        worker = launch.process(*command, env={"PROBE_DIR": "/nowhere"})
        worker.line(r"No gateway at .*a\\x1b\[2J")
        assert not any("\x1b" in line for line in worker.lines)


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launcher]:
    """A launcher for what one test uses."""
    with launching(tmp_path) as launcher:
        yield launcher
