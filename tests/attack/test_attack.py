"""The attacks themselves, short: real processes, a round of each kind that must be survived."""

import subprocess

import pytest

from attack.kinds import KINDS
from tests.acceptance.processes import PYTHON, ROOT, environment

SURVIVED = [name for name, kind in KINDS.items() if kind.survived]


@pytest.mark.parametrize("kind", SURVIVED)
def test_the_canary_is_answered_and_nothing_is_left(kind: str) -> None:
    done = attack("--short", "--only", kind)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{kind}: ok\n" in done.stdout


def test_what_it_cannot_do_is_said_at_once() -> None:
    done = attack("--only", "pings,earthquake")
    assert done.returncode == 2
    assert "earthquake" in done.stderr


def attack(*flags: str) -> subprocess.CompletedProcess[str]:
    command = (PYTHON, "-m", "attack", *flags)
    return subprocess.run(
        command, cwd=ROOT, env=environment(None), capture_output=True, text=True, check=False
    )
