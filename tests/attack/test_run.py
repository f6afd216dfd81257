"""When an attack counts as survived."""

import inspect
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from attack.canary import Canary, Watch
from attack.clients import pings
from attack.kinds import KINDS, Kind
from attack.run import MIB, Outcome, Plan, Use, attacks
from attack.turns import Turns


def canary(seconds: float) -> Canary:
    """One that waited so long for a few of its answers."""
    return Canary(0, times=[0.0005] * 90 + [seconds] * 10)


def beside(other: Canary) -> Watch:
    """It, and one that alone waited for 4 ms."""
    return Watch(canary(0.004), other)


LATE = Canary(0, times=[0.03] * 10)
MISSED = Canary(0, times=[0.001], missed=["TimeoutError()"])
REFUSED = Canary(0, times=[0.001], missed=["503", "503"])
WEARY = Canary(0, times=[0.001], missed=["503"])
WELL = Outcome(
    kind="pings",
    timed=True,
    watch=beside(canary(0.012)),
    turns=Turns(Counter({10: 991, 200: 9})),
    before=Use(70 * MIB, 25),
    after=Use(76 * MIB, 25),
    lost=0,
    bad=[],
    lines=0,
    slack=0.003,
)
ANYWAY: dict[str, dict[str, Any]] = {
    "the canary was not answered: {'503': 2}": {"watch": beside(REFUSED)},
    "the canary was not answered: {'503': 1}": {"watch": Watch(WEARY, canary(0.001))},
    "at the gateway's own port the canary was not answered: {'503': 2}": {
        "direct": beside(REFUSED)
    },
    "the attacker ended: TimeoutError": {"ended": ["TimeoutError", "KeyError"]},
    "1 lost workers": {"lost": 1},
    "tracebacks: Traceback": {"bad": ["Traceback"]},
    "descriptors: 25 before, 26 after": {"after": Use(70 * MIB, 26)},
}
TIMED: dict[str, dict[str, Any]] = {
    "the canary has a p99 of 12.1 ms, 4.0 ms alone": {"watch": beside(canary(0.0121))},
    "at the gateway's own port the canary has a p99 of 12.1 ms, 4.0 ms alone": {
        "direct": beside(canary(0.0121))
    },
    "one turn of the loop in a hundred takes 20.0 ms of CPU time": {
        "turns": Turns(Counter({10: 980, 200: 20}))
    },
    "MiB: 70 before, 78 after": {"after": Use(78 * MIB, 25)},
}


def test_a_little_more_of_everything_is_no_failure() -> None:
    assert WELL.failures == []
    assert not WELL.watch.busy


@pytest.mark.parametrize("failure", [*ANYWAY, *TIMED])
def test_what_fails_is_said_with_its_figures(failure: str) -> None:
    outcome = replace(WELL, **{**ANYWAY, **TIMED}[failure])
    assert outcome.failures == [failure]
    assert replace(outcome, timed=False).failures == ([failure] if failure in ANYWAY else [])


@pytest.mark.parametrize(
    ("slack", "waited", "fails"),
    [(0.003, 0.003, False), (0.003, 0.0031, True), (0.02, 0.02, False), (0.02, 0.0201, True)],
)
def test_what_says_nothing_is_no_failure(slack: float, waited: float, fails: bool) -> None:
    quick = replace(WELL, watch=Watch(canary(0.0008), canary(waited)), slack=slack)
    assert bool(quick.failures) == fails


@pytest.mark.parametrize(
    ("inside", "without", "fails"),
    [
        ([0.003] * 10, LATE, False),
        ([0.003] * 10, MISSED, False),
        ([0.003] * 10, canary(0.0125), False),
        ([0.003] * 10, canary(0.009), True),
        ([0.004] * 10, LATE, True),
        ([0.003] * 9, LATE, True),
    ],
)
def test_a_proxy_that_is_late_by_itself_excuses_what_it_does(
    inside: Sequence[float], without: Canary, fails: bool
) -> None:
    outcome = replace(WELL, watch=beside(LATE), inside=inside)
    assert outcome.failures == [f"the canary {outcome.late}"]
    assert bool(replace(outcome, without=beside(without)).failures) == fails


@pytest.mark.parametrize(
    ("inside", "without", "fails"),
    [
        (0.003, MISSED, False),
        (0.003, canary(2.0), False),
        (0.003, LATE, True),
        (0.004, MISSED, True),
    ],
)
def test_what_a_proxy_does_not_answer_counts_as_five_seconds(
    inside: float, without: Canary, fails: bool
) -> None:
    few = Canary(0, times=[0.001] * 999, missed=["TimeoutError()"])
    told = [0.001] * 999 + [inside]
    outcome = replace(WELL, watch=beside(few), inside=told, without=beside(without))
    assert bool(outcome.failures) == fails


def test_a_proxy_that_never_answers_excuses_nothing() -> None:
    outcome = replace(WELL, watch=beside(LATE), inside=[0.001] * 10)
    assert not replace(outcome, without=beside(MISSED)).failures
    never = Watch(Canary(0, missed=["503"]), MISSED)
    assert replace(outcome, without=never).failures


def test_a_proxy_excuses_no_refusal() -> None:
    outcome = replace(WELL, inside=[0.001] * 2, without=beside(MISSED))
    assert not replace(outcome, watch=beside(MISSED)).failures
    assert replace(outcome, watch=beside(REFUSED)).failures
    assert replace(outcome, watch=Watch(WEARY, MISSED)).failures


def test_a_proxy_excuses_nothing_else() -> None:
    excused = replace(WELL, watch=beside(LATE), inside=[0.001] * 10, without=beside(LATE))
    assert not excused.failures
    assert replace(excused, lost=1).failures == ["1 lost workers"]
    late = replace(excused, direct=beside(canary(0.0121)))
    assert late.failures == [
        "at the gateway's own port the canary has a p99 of 12.1 ms, 4.0 ms alone"
    ]


def test_only_what_goes_through_a_proxy_is_tried_without_prack() -> None:
    assert KINDS["tiny-chunks"].proxied
    assert not KINDS["pings"].proxied
    assert not KINDS["crowd-refused"].proxied


def test_a_canary_that_is_late_by_itself_says_nothing() -> None:
    outcome = replace(WELL, watch=Watch(canary(0.006), canary(0.021)))
    assert outcome.failures == []
    assert outcome.watch.busy


def test_an_attacker_that_ends_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "unheard-of", Kind(pings))  # which its own process does not know
    (outcome,) = attacks(Plan(["unheard-of"], 1, 0.5, timed=False))
    assert outcome.failures == ["the attacker ended: KeyError: 'unheard-of'"]


def test_what_needs_websockets_is_left_out_over_rest() -> None:
    plan = Plan(tuple(KINDS), 1, 0.5)
    assert plan.left_out == []
    assert replace(plan, over="grpc").left_out == []
    assert "pings" in replace(plan, over="rest").left_out
    assert "pipelining" not in replace(plan, over="rest").left_out


def test_each_kind_that_needs_websockets_says_so() -> None:
    source = {name: inspect.getsource(kind.run) for name, kind in KINDS.items()}
    needing = {
        name for name, text in source.items() if re.search("HANDSHAKE|DEFLATING|_begun", text)
    }
    assert {name for name, kind in KINDS.items() if kind.upgrades} == needing
