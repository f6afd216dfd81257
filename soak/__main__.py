"""`python -m soak`: see ABOUT."""

import argparse
import asyncio
import signal
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.processes import allow_many_files
from soak.checks import CHECKS, told_at_once
from soak.cluster import CLUSTER_FAULTS
from soak.faults import FAULTS
from soak.report import report
from soak.run import Plan, soak

ABOUT = """\
Starts a gateway and workers of every kind, sends them a constant mixed load, and breaks things:
workers are stopped, killed, frozen and replaced by new versions, the gateway is upgraded in place,
the network drops everything. Then it checks what Prack promises, request by request.
"""
EXAMPLES = """\
examples:
  make soak                                ten minutes of everything
  make soak MINUTES=60 ARGS="--seed 7"     longer, and in another order
  python -m soak --drains 1000             a thousand workers that are asked to stop
  python -m soak --upgrades 50             fifty gateways, each in the place of the one before
  python -m soak --kills 200               only workers that die
  python -m soak --faults drain,kill       some kinds of faults, each once
  make soak ARGS="--gateways 3 --nats"     three gateways on three NATS servers (make nats)

exit status: 0 every promise was kept, 1 some was not, 2 wrong usage, 130 Ctrl-C
"""
MANY_HANDS = 4


def main() -> int:
    """Run the soak; returns its exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    allow_many_files()
    folder = options.logs or Path(tempfile.mkdtemp(prefix="prack-soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        history = asyncio.run(soak(_plan(options), folder))
    except KeyboardInterrupt:
        return 130
    history.save(folder)
    checks = CHECKS | {"told at once": partial(told_at_once, seconds=options.told)}
    broken = {name: list(check(history)) for name, check in checks.items()}
    text = report(history, broken)
    (folder / "report.md").write_text(text)
    print(text)
    print(f"All that was written: {folder}")
    return 1 if any(broken.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m soak",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=0, help="how long things are broken (default: once each)")
    add("--seed", type=int, default=1, help="of the requests and the faults (default: 1)")
    add("--rate", type=float, default=30, help="requests a second (default: 30)")
    kinds = f"of {', '.join(FAULTS)}; on NATS also {', '.join(CLUSTER_FAULTS)} (default: all)"
    add("--faults", type=_kinds, help=kinds)
    add("--gateways", type=int, default=1, metavar="N", help="so many, with --nats (default: 1)")
    add("--nats", action="store_true", help="the gateways are a cluster on three NATS servers")
    for name in ("drains", "kills", "upgrades"):
        add(f"--{name}", type=int, metavar="N", help=f"so many {name}, and nothing else")
    add("--told", type=float, default=1, metavar="SECONDS", help="until a 502 after a kill (1)")
    add("--logs", type=Path, metavar="FOLDER", help="for what all processes write")
    options = parser.parse_args()
    if options.nats != (options.gateways > 1):
        parser.error("--nats is for several gateways, and several are for --nats: give both")
    known = FAULTS + CLUSTER_FAULTS if options.nats else FAULTS
    options.faults = options.faults or known
    if unknown := set(options.faults) - set(known):
        parser.error(f"these faults need --nats: {', '.join(sorted(unknown))}")
    return options


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := set(kinds) - set(FAULTS + CLUSTER_FAULTS):
        raise argparse.ArgumentTypeError(f"no faults: {', '.join(sorted(unknown))}")
    return kinds


def _plan(options: argparse.Namespace) -> Plan:
    for kind in ("drain", "kill", "upgrade"):
        if times := getattr(options, f"{kind}s"):
            hands = MANY_HANDS if kind == "drain" else 1
            plan = Plan(options.seed, (kind,), times=times, rate=options.rate, hands=hands)
            return replace(plan, gateways=options.gateways)
    seconds = 60 * options.minutes
    return Plan(options.seed, options.faults, seconds, rate=options.rate, gateways=options.gateways)


if __name__ == "__main__":
    sys.exit(main())
