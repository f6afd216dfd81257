"""Who computes where: the gateway can have a core of its own, if there are two.

Attackers reach a gateway by the network. On one machine they would also take its core from it,
which no gateway can help.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


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
