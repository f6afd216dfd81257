"""The command line of the attacks; they themselves are a step of .ci/run."""

import subprocess

from tests.acceptance.processes import PYTHON, ROOT, environment


def test_what_it_cannot_do_is_said_at_once() -> None:
    done = attack("--only", "pings,earthquake")
    assert done.returncode == 2
    assert "earthquake" in done.stderr


def test_what_is_not_run_over_rest_is_in_the_table() -> None:
    done = attack("--only", "pings", "--over", "rest", "--short")
    assert done.returncode == 0
    assert f"| pings |{' - |' * 15} not over rest |" in done.stdout


def attack(*flags: str) -> subprocess.CompletedProcess[str]:
    command = (PYTHON, "-m", "attack", *flags)
    return subprocess.run(
        command, cwd=ROOT, env=environment(None), capture_output=True, text=True, check=False
    )
