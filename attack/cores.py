"""Who computes where, and who before whom.

Attackers reach a gateway by the network. On one machine they would also take its core from it,
which no gateway can help: so it can have one of its own, if there are two, and attackers compute
only while nobody else of the scene wants theirs. Where that is allowed, all of the scene compute
before whoever else is on the machine; so a busy one makes nobody late, and no attack weaker.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# Of real-time priorities, which come before all others, the lowest.
CANARY, SCENE, ATTACKERS = os.sched_param(3), os.sched_param(2), os.sched_param(1)


def shares(apart: bool) -> tuple[set[int], set[int]]:
    """The cores of the gateway, and those of all else: the same, unless they are to be apart."""
    every = os.sched_getaffinity(0)
    first, *others = sorted(every)
    return ({first}, set(others)) if apart and others else (every, every)


@contextmanager
def only(cores: set[int]) -> Iterator[None]:
    """What is started inside has these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def at_once(wanted: bool) -> Iterator[bool]:
    """What is started inside computes before all else on the machine, if `wanted` and allowed.

    Yields whether it does.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    if wanted:
        with suppress(PermissionError):
            os.sched_setscheduler(0, os.SCHED_RR, SCENE)
    try:
        yield os.sched_getscheduler(0) == os.SCHED_RR
    finally:
        os.sched_setscheduler(0, policy, priority)


def as_if_alone() -> None:
    """From now on this thread waits for no core, as if it were on a machine of its own."""
    if os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, CANARY)


def give_way() -> None:
    """From now on this process computes only while nobody else of the scene wants its core."""
    if os.sched_getscheduler(0) == os.SCHED_RR:
        os.sched_setscheduler(0, os.SCHED_RR, ATTACKERS)
    else:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
