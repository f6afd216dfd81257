"""The soak itself, short: real processes, each kind of fault that takes no minute once."""

import subprocess

import pytest

from tests.acceptance.processes import PYTHON, ROOT, environment

FAULTS = "drain,roll,kill,pause,flicker,upgrade"
# A machine that is busy with other work tells late; how soon is what `make soak` checks.
TOLD = "60"


@pytest.mark.timeout(300)
def test_faults_cost_what_they_may_and_no_more() -> None:
    command = (PYTHON, "-m", "soak", "--faults", FAULTS, "--told", TOLD)
    done = subprocess.run(
        command, cwd=ROOT, env=environment(None), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in FAULTS.split(","):
        assert f"\n| {kind} | 1 |" in done.stdout


def test_what_it_cannot_do_is_said_at_once() -> None:
    command = (PYTHON, "-m", "soak", "--faults", "drain,earthquake")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "earthquake" in done.stderr
