"""`prack conformance`, as its user sees it."""

import json
import signal
import sys
from pathlib import Path

import psutil
import pytest

from prack_grpc.cli.main import main
from tests.acceptance.processes import PYTHON, launching

WORKER = (sys.executable, "-m", "tests.conformance.stream.broken")
WHOLE = (*WORKER, "whole", "{gateway}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "TRANSPORT"),
        (("http",), "invalid choice: 'http'"),
        (("prack",), "expected -- and the command of a worker"),
        (("prack", "--without", "wings", "--", "true"), "--without wings: expected one of"),
        (("prack", "-k", "wings", "--", "true"), "-k wings: no case has this in its name"),
        (("prack", "--timeout", "0", "--", "true"), "expected seconds from 0.1 to 60"),
        (("prack", "--jobs", "many", "--", "true"), "expected 1 to 64"),
    ],
)
def test_bad_usage(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["conformance", *words])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_list_is_by_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "prack", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rules = [line.split()[-1] for line in lines if not line.startswith(" ")]
    assert rules == sorted(rules, key=lambda rule: [int(part) for part in rule.split(".")])
    at = lines.index("proto/README.md 4.10")
    assert lines[at + 1].split()[0] == "trailers"
    assert lines[at + 1].endswith("(needs trailers)")


def test_worker_that_ends_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('no such file: app.conf')")
    assert main(["conformance", "prack", "-k", "token", "--", *command]) == 1
    assert capsys.readouterr().err == (
        "prack: the worker ended with exit status 1 before it called\n"
        "prack: no such file: app.conf\n"
    )


def test_command_that_is_none_is_one_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "rest", "-k", "token", "--", "./no-such-worker"]) == 1
    assert "./no-such-worker cannot be run: No such file" in capsys.readouterr().err


def test_tap_tells_the_rule_and_what_was_seen(capsys: pytest.CaptureFixture[str]) -> None:
    command = (*WORKER, "body_for_head", "{gateway}")
    words = ("-k", "no-body", "--timeout", "3")
    assert main(["conformance", "prack", *words, "--", *command]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "TAP version 14",
        "1..1",
        "not ok 1 - no-body-where-there-is-none",
        "  ---",
    ]
    assert '  rule: "proto/README.md 4.12"' in lines
    assert any("6 body bytes for HEAD /hello" in line for line in lines)
    assert lines[-1] == "  ..."


def test_what_a_worker_lacks_is_skipped_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--without", "trailers", "-k", "trailers")
    assert main(["conformance", "prack", *words, "--", *WHOLE]) == 0
    assert "ok 1 - trailers # SKIP this worker does not claim trailers" in capsys.readouterr().out


def test_without_openssl_tls_is_skipped_and_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/no/such/folder")
    assert main(["conformance", "rest", "-k", "tls", "--", *WHOLE]) == 0
    lines = capsys.readouterr().out.splitlines()
    skipped = "# SKIP openssl, which makes the certificates, cannot be run"
    assert [skipped in line for line in lines] == [False, False, True, True]


@pytest.mark.parametrize(("flags", "code"), [((), 0), (("--strict",), 1)])
def test_advice_fails_if_asked_for(
    capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], code: int
) -> None:
    command = (*WORKER, "no_instance", "{gateway}")
    words = ("-k", "instance", "--json", *flags)
    assert main(["conformance", "prack", *words, "--", *command]) == code
    told = json.loads(capsys.readouterr().out)
    assert (told["transport"], told["advised"], told["failed"]) == ("prack", 1, 0)
    assert told["cases"][0]["rule"] == "2.3"


def test_ctrl_c_leaves_nobody_behind(tmp_path: Path) -> None:
    words = ("-m", "prack_grpc", "conformance", "prack", "-k", "token", "--", "sleep", "60")
    with launching(tmp_path) as launcher:
        kit = launcher.process(PYTHON, *words)
        kit.line("TAP version")
        process = psutil.Process(kit.popen.pid)
        while not (children := process.children()):
            pass
        assert kit.stop(signal.SIGINT) == 130
        assert not any(child.is_running() for child in children)
        assert kit.lines[-1].startswith("prack: interrupted")
        assert "Traceback" not in str(kit)
