"""Which cores a process has."""

import os
import subprocess
import sys

from attack.cores import only, shares

ASK = (sys.executable, "-c", "import os; print(os.sched_getaffinity(0))")


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
