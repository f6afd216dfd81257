"""Which cores a process has."""

import os
import subprocess
import sys

from attack.cores import at_once, only, shares

ASK = (sys.executable, "-c", "import os; print(os.sched_getaffinity(0))")
POLICY = "print(os.sched_getscheduler(0), os.sched_getparam(0).sched_priority)"
SCENE = (sys.executable, "-c", f"import os; {POLICY}")
ATTACKER = (
    sys.executable,
    "-c",
    f"import os; from attack.cores import give_way; give_way(); {POLICY}",
)

ALONE = (
    sys.executable,
    "-c",
    f"import os; from attack.cores import as_if_alone; as_if_alone(); {POLICY}",
)


def test_what_is_started_inside_has_these_cores() -> None:
    before = os.sched_getaffinity(0)
    one = {min(before)}
    with only(one):
        assert subprocess.check_output(ASK, text=True).strip() == str(one)
    assert os.sched_getaffinity(0) == before


def test_apart_nobody_has_the_gateways_core_but_where_it_is_the_only_one() -> None:
    every = os.sched_getaffinity(0)
    own, others = shares(apart=True)
    assert own | others == every
    assert own.isdisjoint(others) == (len(every) > 1)
    with only(own):
        assert shares(apart=True) == (own, own)


def test_together_everybody_has_all_cores() -> None:
    every = os.sched_getaffinity(0)
    assert shares(apart=False) == (every, every)


def test_the_scene_computes_before_all_else_where_that_is_allowed_and_attackers_after_it() -> None:
    before = os.sched_getscheduler(0)
    with at_once(True) as first:
        assert told(SCENE) == ((os.SCHED_RR, 2) if first else (before, 0))
        assert told(ATTACKER) == ((os.SCHED_RR, 1) if first else (os.SCHED_IDLE, 0))
    assert os.sched_getscheduler(0) == before


def test_a_canary_waits_for_nobody_where_that_is_allowed() -> None:
    with at_once(True) as first:
        assert told(ALONE) == ((os.SCHED_RR, 3) if first else (os.sched_getscheduler(0), 0))


def test_elsewhere_all_compute_as_usual_and_attackers_when_nobody_else_does() -> None:
    before = os.sched_getscheduler(0)
    with at_once(False) as first:
        assert not first
        assert told(SCENE) == (before, 0)
        assert told(ATTACKER) == (os.SCHED_IDLE, 0)


def told(command: tuple[str, ...]) -> tuple[int, int]:
    """Policy and priority of this process."""
    policy, priority = subprocess.check_output(command, text=True).split()
    return int(policy), int(priority)
