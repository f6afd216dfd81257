"""Counts the instructions of fixed runs, and compares them with what they were.

Unlike times, counts do not depend on what else the machine does: two runs differ by 0.1 %.
valgrind counts them; `perf stat` would be faster, but cannot in most virtual machines. The start
of Python is left out by counting two runs of different lengths.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.console import say
from bench.guarded import SIDES
from bench.processes import ROOT
from bench.tools import find, provide

BASELINE = Path(__file__).with_name("guard.json")
TOLERANCE = 0.03
BOOKS = 0.03  # that they may cost, see docs/decisions/0052-what-the-books-cost.md
FEW, MANY = 100, 2_100
LONG = 8_100  # for a small difference of two sides that start alike
RENEW = "make bench-guard ARGS=--renew"
SECONDS = 600


def main() -> int:
    """0 if nothing costs more than it did, 1 if something does or nobody knows."""
    parser = argparse.ArgumentParser("python -m bench.guard", description=__doc__)
    parser.add_argument("--renew", action="store_true", help="make the counts of now the baseline")
    options = parser.parse_args()
    if missing := provide("valgrind"):
        say(missing)
        return 1
    counts = {side: _count(side) for side in SIDES if side != "blind"}
    books = _books(counts["gateway"])
    known = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    # Another Python counts differently; other versions of the libraries may.
    python = ".".join(platform.python_version_tuple()[:2])
    if options.renew:
        known[python] = {**counts, "protobuf": version("protobuf")}
        BASELINE.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")
        print(f"this is the baseline of Python {python} from now on")
        return 0
    if python not in known:
        print(f"there is no baseline for Python {python}; to make this one it: {RENEW}")
        return 1
    baseline = known[python]
    if baseline["protobuf"] != version("protobuf"):
        print(f"the baseline is of protobuf {baseline['protobuf']}, not {version('protobuf')}")
    return max(books, *(_compare(side, counts[side], baseline[side]) for side in counts))


def _count(side: str) -> int:
    count = round((_instructions(side, MANY) - _instructions(side, FEW)) / (MANY - FEW))
    print(f"{side}: {count:,} instructions for one exchange", flush=True)
    return count


def _books(gateway: int) -> int:
    cost = round((_instructions("gateway", LONG) - _instructions("blind", LONG)) / LONG)
    share = cost / (gateway - cost)
    print(f"books: {cost:,} of the gateway's, {share:+.1%} ({BOOKS:.0%} are tolerated)")
    return int(round(share, 2) > BOOKS)


def _compare(side: str, count: int, before: int) -> int:
    change = count / before - 1
    print(f"{side}: {change:+.1%} to the baseline of {before:,} ({TOLERANCE:.0%} are tolerated)")
    if change > TOLERANCE:
        print(f"an exchange costs more than it did; if that is as it should be: {RENEW}")
    elif change < -TOLERANCE:
        print(f"an exchange costs less than it did; to keep it so: {RENEW}")
    return int(change > TOLERANCE)


def _instructions(side: str, exchanges: int) -> int:
    tool = [str(find("valgrind")), "--tool=cachegrind", "--cache-sim=no"]
    command = [*tool, "--cachegrind-out-file=/dev/null", sys.executable, "-m", "bench.guarded"]
    done = subprocess.run(
        [*command, side, str(exchanges)],
        cwd=ROOT,
        env=os.environ | {"PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    if done.returncode or not found:
        raise RuntimeError(f"valgrind failed: {done.stderr[-1000:]}")
    return int(found[1].replace(",", ""))


if __name__ == "__main__":
    sys.exit(main())
