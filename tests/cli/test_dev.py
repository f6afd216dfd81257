"""What `prack dev` makes of its own words, and how it shows a request."""

import logging

import pytest

from prack_grpc.cli.dev.lines import Lines
from prack_grpc.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "prack dev: error: expected the application first, such as main:app"),
        (("--port", "1", "main:app"), "expected the application first, such as main:app"),
        (("main:app", "--port", "x"), "argument --port: invalid int value: 'x'"),
        (("main:app", "--gateway", "prack://a"), "--gateway: it has one of its own"),
    ],
)
def test_a_mistake(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dev", *words])
    assert said in capsys.readouterr().err


def test_its_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dev", "--help"]) == 0
    assert "  prack dev mysite.wsgi:application " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"status": 200}, "GET /a\\x1b 200 3 ms"),
        ({"status": 503, "error": "no_workers"}, "GET /a\\x1b 503 3 ms no_workers"),
        ({"status": 0, "error": "client_gone"}, "GET /a\\x1b --- 3 ms client_gone"),
    ],
)
def test_a_request_is_a_short_line(fields: dict[str, object], line: str) -> None:
    told = {
        "action": "request",
        "method": "GET",
        "target": "/a\x1b",
        "total_ms": 3.2,
        "worker": "w",
    }
    record = logging.makeLogRecord({"msg": "request", **told, **fields})
    assert Lines().format(record).partition(" gateway ")[2] == line
