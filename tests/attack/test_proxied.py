"""Attacks through a proxy, for real."""

import os

import pytest

from attack.proxied import PROXIES, without_prack
from attack.run import BESIDE, Plan, attacks

KIND = "bad-requests"


def test_a_canary_asks_through_the_proxy_and_another_at_the_port_of_the_gateway() -> None:
    (outcome,) = attacks(Plan([KIND], 1, 0.5, behind="caddy", timed=False))
    assert outcome.failures == []
    assert outcome.direct is not None
    assert outcome.direct.beside.times
    assert outcome.direct.beside.port != outcome.watch.beside.port
    assert outcome.watch.beside.target == BESIDE
    assert len(outcome.inside) == len(outcome.watch.beside.times) > 0


@pytest.mark.parametrize("proxy", PROXIES)
def test_without_prack_a_canary_is_answered_behind_the_proxy_as_well(proxy: str) -> None:
    watch = without_prack(proxy, KIND, os.sched_getaffinity(0), rounds=1, seconds=0.5)
    assert watch.alone.times
    assert watch.beside.times
    assert not watch.unanswered
