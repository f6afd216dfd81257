"""The tables at the end."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bench.markdown import Cell, table
from soak.checks import coverage
from soak.history import History
from soak.journal import State
from soak.orders import KINDS
from soak.outcomes import Outcome, Result

MIB = 1024 * 1024
SHOWN = 10  # violations of each check


def report(history: History, broken: Mapping[str, Sequence[str]]) -> str:
    """Markdown; `broken` has the violations of each check."""
    parts = [_requests(history), _faults(history), _gauges(history), _checks(broken)]
    return "\n".join([*parts, *_violations(broken)])


def _requests(history: History) -> str:
    head = ("requests", "sent", "good", "503", "502, 504", "cut or closed", "left", "sent again")
    rows = [
        _row(kind, [one for one in history.outcomes if one.order.kind == kind]) for kind in KINDS
    ]
    return table([*head, "p50 ms", "max ms"], [*rows, _row("all", history.outcomes)])


def _row(name: str, outcomes: Sequence[Outcome]) -> list[Cell]:
    results = Counter(outcome.result for outcome in outcomes)
    statuses = Counter(outcome.status for outcome in outcomes if outcome.failed)
    times = [1000 * (one.ended - one.sent) for one in outcomes if one.good and one.ended]
    return [
        name,
        len(outcomes),
        sum(outcome.good for outcome in outcomes),
        statuses[503],
        statuses[502] + statuses[504],
        results[Result.CUT] + results[Result.CLOSED],
        results[Result.LEFT],
        sum(outcome.sends > 1 for outcome in outcomes),
        median(times) if times else None,
        max(times, default=None),
    ]


def _faults(history: History) -> str:
    """What each kind of fault struck, and what it cost."""
    head = ("faults", "done", *(f"struck {state}" for state in State), "failed requests")
    done = Counter(fault.kind for fault in history.faults)
    found = [(one, history.causes(one)) for one in history.outcomes if one.failed]
    cost = Counter(causes[-1].kind for _, causes in found if causes)
    rows: list[Sequence[Cell]] = [
        (kind, done[kind], *(states[state] for state in State), cost[kind])
        for kind, states in coverage(history).items()
    ]
    twice = sum(one.order.replayable and one.status in (502, 504) for one, _ in found)
    return f"{table(head, rows)}\n{twice} of the failed could be repeated, and lost both workers.\n"


def _gauges(history: History) -> str:
    gauges = history.gauges
    assert gauges.first
    assert gauges.last
    rows = [
        ("memory, MiB", gauges.first.memory / MIB, gauges.last.memory / MIB),
        ("files", gauges.first.files, gauges.last.files),
    ]
    text = table(("gateway", "before", "after"), rows)
    return f"{text}\nIts books were looked at {gauges.audits} times.\n"


def _checks(broken: Mapping[str, Sequence[str]]) -> str:
    rows = [
        (name, "ok" if not found else f"{len(found)} VIOLATIONS") for name, found in broken.items()
    ]
    return table(("check", "result"), rows)


def _violations(broken: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name, found in broken.items():
        for line in found[:SHOWN]:
            yield f"VIOLATION, {name}: {line}"
        if len(found) > SHOWN:
            yield f"VIOLATION, {name}: and {len(found) - SHOWN} more"
