"""Compares Prack with what people use today, side by side in one run."""

import argparse
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from traceback import format_exc

from bench import page, targets
from bench.apps import APPS
from bench.console import expect, minutes, say
from bench.contenders import CONTENDERS, serving
from bench.machine import describe
from bench.measurements import MEASUREMENTS
from bench.plan import Plan
from bench.processes import allow_many_files
from bench.results import FOLDER, Results
from bench.tools import provide

ABOUT = """\
Compares Prack with application servers alone, with proxies in front of them, and with others whose
servers dial in. All contenders of a measurement are up all the time and take turns under load, so
that a busy moment of the machine hits all alike; look at the ratios first.

measurements:
{measurements}
  scale        gateways, lending, cluster, tail, sockets, depth, clients and workers
  targets      what was aimed at, and whether the last results meet it
  page         writes docs/performance.md and docs/plots from the last full results
"""
EXAMPLES = f"""\
without a name: {{quick}}

examples:
  make bench                                   the quick comparison, some eight minutes
  make bench-full                              everything, then the page; some 50 minutes
  make bench ARGS="tail --rounds 5"            one measurement
  make bench ARGS="throughput --only nginx,prack --connections 32 --rounds 9"
                                               one question, answered well
  make bench ARGS="throughput --app fastapi"   with one of: {", ".join(APPS)}
  make bench-tools                             Traefik, Cranker and rathole, which no package brings
  make bench ARGS=peers                        the others whose servers dial in

contenders (--only):
{{contenders}}

Results are kept in bench/results/quick and bench/results/full. What cannot be started or installed
is left out, with a line that says why.

exit status: 0 all went well, 1 something was left out or failed, 2 wrong usage, 130 Ctrl-C
"""
SCALE = ("gateways", "lending", "cluster", "tail", "sockets", "depth", "clients", "workers")
WITHOUT_LOAD = {"scaling", "lending", "cluster", "targets", "page"}
QUICK = ("tail", "frameworks", "computing", "throughput", "chunks", "footprint")
LONGEST_SECONDS = 3600


def main() -> int:
    """Run what was asked for; returns its exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    allow_many_files()
    try:
        return _run(options)
    except KeyboardInterrupt:
        say("stopped")
        return 130


def _options() -> argparse.Namespace:
    measurements = [f"  {name:12s} {one.ABOUT}" for name, one in MEASUREMENTS.items()]
    contenders = [f"  {name:20s} {one.about}" for name, one in CONTENDERS.items()]
    parser = argparse.ArgumentParser(
        "python -m bench",
        description=ABOUT.format(measurements="\n".join(measurements)),
        epilog=EXAMPLES.format(quick=" ".join(QUICK), contenders="\n".join(contenders)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="what to measure", type=_measurement)
    add("--full", action="store_true", help="all cases and contenders; without a name, everything")
    add("--seconds", type=_positive, help="length of one sample")
    add("--rounds", type=_positive, help="samples of each kind")
    add("--only", type=_contenders, metavar="NAME,NAME", help="these contenders")
    add("--connections", type=_counts, metavar="N,N", help="numbers of clients (throughput)")
    add("--app", choices=APPS, metavar="APP", help="this application (throughput)")
    add("--results", type=Path, metavar="DIR", help="where results are kept and read")
    options = parser.parse_args()
    if not options.names:
        options.names = [*MEASUREMENTS, "targets", "page"] if options.full else list(QUICK)
    return options


def _measurement(text: str) -> str:
    known = (*MEASUREMENTS, "scale", "targets", "page")
    if text not in known:
        raise argparse.ArgumentTypeError(f"there is no {text}, only {', '.join(known)}")
    return text


def _positive(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= LONGEST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least 1")
    return int(text)


def _counts(text: str) -> tuple[int, ...]:
    return tuple(sorted({_positive(part) for part in text.split(",")}))


def _contenders(text: str) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        if name not in CONTENDERS:
            known = ", ".join(CONTENDERS)
            raise argparse.ArgumentTypeError(f"there is no contender {name}, only {known}")
    return tuple(name for name in CONTENDERS if name in names)


def _run(options: argparse.Namespace) -> int:
    if not {*options.names} <= WITHOUT_LOAD and (absent := provide("wrk")):
        say(f"{absent}; nothing can be measured without it")
        return 1
    say(describe())
    results = Results(options.results or FOLDER / ("full" if options.full else "quick"))
    names = [one for name in options.names for one in (SCALE if name == "scale" else (name,))]
    planned = [_duration(name, options) for name in names]
    say(f"some {minutes(sum(planned))} are planned")
    missing: list[str] = []
    for number, name in enumerate(names):
        expect(sum(planned[number:]))
        if name == "page":
            page.write(Results(options.results or FOLDER / "full"))
        elif name == "targets":
            print(targets.report(results))
        else:
            missing += _measure(name, _plan(name, options), results)
    expect(0)
    for line in missing:
        say(f"MISSING {line}")
    return int(bool(missing))


def _duration(name: str, options: argparse.Namespace) -> float:
    """Seconds, roughly."""
    return MEASUREMENTS[name].duration(_plan(name, options)) if name in MEASUREMENTS else 0


def _measure(name: str, plan: Plan, results: Results) -> Iterator[str]:
    """Measure, keep it and print it. Yields what a complete result would have in addition."""
    measurement = MEASUREMENTS[name]
    say(f"--- {name}: {measurement.ABOUT}")
    try:
        samples = measurement.run(plan)
    except Exception:  # the others can still be measured
        say(f"FAILED {name}:\n{format_exc()}")
        yield f"{name}: it failed"
        return
    results.save(name, plan, samples)
    print(page.section(name, results), flush=True)
    for one in serving(plan.contenders, plan.app or "hello"):
        if one.name not in samples.values("contender"):
            yield f"{name}: {one.name}"
        elif errors := sum(samples.all("errors", contender=one.name)):
            yield f"{name}: {errors:,} answers that {one.name} owed"


def _plan(name: str, options: argparse.Namespace) -> Plan:
    plan = MEASUREMENTS[name].FULL if options.full else MEASUREMENTS[name].QUICK
    return replace(
        plan,
        rounds=options.rounds or plan.rounds,
        seconds=options.seconds or plan.seconds,
        contenders=options.only or plan.contenders,
        connections=options.connections or plan.connections,
        app=options.app or plan.app,
    )


if __name__ == "__main__":
    sys.exit(main())
