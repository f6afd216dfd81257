"""The soak itself, short: real processes, each kind of fault that takes no minute once."""

import subprocess

import pytest

from soak.cluster import CLUSTER_FAULTS
from tests.acceptance.processes import PYTHON, ROOT, environment
from tests.support.nats_servers import COMMAND
from tests.support.tools import needed

FAULTS = "drain,roll,kill,pause,flicker,upgrade"
IN_A_CLUSTER = f"drain,pause,upgrade,{','.join(CLUSTER_FAULTS)}"
# A machine that is busy with other work tells late; how soon is what `make soak` checks.
TOLD = "60"


@pytest.mark.timeout(300)
def test_faults_cost_what_they_may_and_no_more() -> None:
    breaks(FAULTS)


@pytest.mark.timeout(300)
def test_three_gateways_on_three_servers_lose_nothing_but_what_is_killed() -> None:
    needed("nats-server", built_by=COMMAND)
    breaks(IN_A_CLUSTER, "--gateways", "3", "--nats")


def breaks(faults: str, *flags: str) -> None:
    """Each of these faults costs what it may."""
    command = (PYTHON, "-m", "soak", "--faults", faults, "--told", TOLD, *flags)
    done = subprocess.run(
        command, cwd=ROOT, env=environment(None), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for kind in faults.split(","):
        assert f"\n| {kind} | 1 |" in done.stdout


def test_what_it_cannot_do_is_said_at_once() -> None:
    command = (PYTHON, "-m", "soak", "--faults", "drain,earthquake")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "earthquake" in done.stderr


@pytest.mark.parametrize("words", ["--gateways 3", "--nats", "--faults outage"])
def test_several_gateways_need_nats(words: str) -> None:
    command = (PYTHON, "-m", "soak", *words.split())
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--nats" in done.stderr
