"""`python -m attack`: see ABOUT."""

import argparse
import signal
import sys
from collections.abc import Sequence

from attack.canary import Watch
from attack.kinds import KINDS
from attack.proxied import PROXIES
from attack.run import MIB, Outcome, Plan, attacks
from bench.markdown import Cell, table
from tests.acceptance.processes import OVER

ABOUT = """\
Starts a gateway and a worker on loopback, and attacks them, one kind after the other. A canary, a
normal client on a connection of its own, must be answered all the time. What it is not is counted;
so are lost workers, tracebacks, and what is left in memory and descriptors. But in the short form,
the gateway has a core of its own where there are two, and it is a failure to be late, too.
"""
EXAMPLES = """\
examples:
  make attack                              ten rounds of each kind
  make attack ARGS=--short                 one short round of each, as the tests do
  python -m attack --only pings            one kind

exit status: 0 nothing failed, 1 something did, 2 wrong usage, 130 Ctrl-C
"""
HEAD = (
    "attack",
    "answered",
    "missed",
    "p99 ms alone",
    "p99 ms beside",
    "times",
    "gateway p99 ms",
    "its port p99 ms",
    "turn p99 ms",
    "longest",
    "MiB before",
    "MiB after",
    "files before",
    "files after",
    "lost workers",
    "log lines",
    "result",
)


def main() -> int:
    """Attack; returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # all that was started is stopped
    plan, outcomes = _plan(), []
    for outcome in attacks(plan):
        print(f"{outcome.kind}: {_result(outcome)}", flush=True)
        outcomes.append(outcome)
    print()
    rows = {one.kind: _row(one) for one in outcomes}
    print(table(HEAD, [rows.get(kind) or _left_out(kind) for kind in plan.kinds]))
    failed = [one for one in outcomes if one.failures]
    for one in outcomes:
        for line in one.failures:
            print(f"{one.kind}: {line}")
        if one.without:
            print(f"{one.kind}: the canary {one.late}; {_without(one.without)}")
    return 1 if failed else 0


def _plan() -> Plan:
    parser = argparse.ArgumentParser(
        "python -m attack",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--only", type=_kinds, default=tuple(KINDS), help=f"of {', '.join(KINDS)}")
    add("--rounds", type=int, default=10, help="of each kind (default: 10)")
    add("--seconds", type=float, default=0.5, help="that a round takes (default: 0.5)")
    add("--over", choices=OVER, default="prack", help="how the worker dials in (default: prack)")
    add("--behind", choices=PROXIES, default="", help="a proxy with its file of deploy/")
    add("--short", action="store_true", help="one round of each")
    options = parser.parse_args()
    if options.short:
        return Plan(options.only, 1, options.seconds, options.over, options.behind, timed=False)
    return Plan(options.only, options.rounds, options.seconds, options.over, options.behind)


def _kinds(text: str) -> Sequence[str]:
    kinds = text.split(",")
    if unknown := set(kinds) - set(KINDS):
        raise argparse.ArgumentTypeError(f"no attacks: {', '.join(sorted(unknown))}")
    return kinds


def _result(outcome: Outcome) -> str:
    if outcome.failures:
        return "FAILED"
    if outcome.excused:
        return "late without Prack, too"
    return "ok, machine busy" if outcome.watch.busy else "ok"


def _without(watch: Watch) -> str:
    return (
        f"without Prack {len(watch.beside.missed)} were not answered, and its p99 was "
        f"{1000 * watch.beside.p99:.1f} ms, {1000 * watch.alone.p99:.1f} ms alone"
    )


def _left_out(kind: str) -> list[Cell]:
    return [kind, *[None] * (len(HEAD) - 2), "not over rest"]


def _row(one: Outcome) -> list[Cell]:
    alone, beside = one.watch.alone, one.watch.beside
    return [
        one.kind,
        len(beside.times),
        len(beside.missed),
        1000 * alone.p99,
        1000 * beside.p99,
        one.watch.times,
        1000 * one.inside_p99,
        1000 * one.direct.beside.p99 if one.direct else None,
        1000 * one.turns.p99,
        1000 * one.turns.longest,
        one.before.memory / MIB,
        one.after.memory / MIB,
        one.before.files,
        one.after.files,
        one.lost,
        one.lines,
        _result(one),
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
