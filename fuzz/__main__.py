"""`python -m fuzz`: see ABOUT."""

import argparse
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.markdown import Cell, table
from fuzz.descriptions import PORTS, conforms

ROOT = Path(__file__).parent
FOUND = ROOT.parent / "build/fuzz"  # inputs that reach new lines, kept for the next time; crashes
TARGETS = sorted(file.stem for file in (ROOT / "targets").glob("[a-z]*.py"))
CRASH = re.compile(r"Test unit written to (\S+)")
STARTUP = 3.0  # seconds, of each target
MOST_BYTES, MOST_SECONDS, MOST_MIB = 4096, 30, 1024  # of one input, and what it may take

ABOUT = f"""\
Gives all that reads bytes of others inputs that reach new lines (Atheris, coverage-guided), each
for its share of the time: {", ".join(TARGETS)}. Then Schemathesis calls the two private HTTP ports
by their OpenAPI descriptions. An input that breaks something is kept as a file.
"""
EXAMPLES = """\
examples:
  make fuzz MINUTES=1                      everything, for a minute
  make fuzz ARGS="--only front,rest"       two targets

exit status: 0 nothing was found, 1 something was, 2 wrong usage
"""
HEAD = ("target", "executions", "new inputs", "crashes")


@dataclass
class Outcome:
    """What became of one target; `crashes` are files."""

    target: str
    executions: int
    new: int
    crashes: list[str]
    failed: bool


def main() -> int:
    """Fuzz; returns the exit status."""
    options = _options()
    seconds = 60 * options.minutes / (len(options.only) + len(options.ports))
    outcomes = []
    for target in options.only:
        outcomes.append(fuzz(target, max(1, round(seconds - STARTUP))))
        _tell(outcomes[-1])
    if outcomes:
        print(table(HEAD, map(_row, outcomes)), flush=True)
    described = [conforms(port, max(1, round(seconds))) for port in options.ports]
    return 0 if all(described) and not any(one.failed for one in outcomes) else 1


def fuzz(target: str, seconds: int) -> Outcome:
    """Give one target inputs for so long, or until one of them breaks something."""
    new, crashes = FOUND / target, FOUND / "crashes"
    for folder in (new, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "fuzz.engine", target),
        *(f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-timeout={MOST_SECONDS}"),
        *(
            f"-dict={ROOT / 'words.dict'}",
            f"-rss_limit_mb={MOST_MIB}",
            f"-artifact_prefix={crashes}/{target}-",
        ),
        *("-print_final_stats=1", str(new), str(ROOT / "corpus" / target)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    outcome = read(target, done.stdout + done.stderr, done.returncode)
    if outcome.failed:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
    return outcome


def read(target: str, text: str, status: int) -> Outcome:
    """What libFuzzer says at its end."""
    crashes = CRASH.findall(text)
    return Outcome(
        target,
        _number("number_of_executed_units", text),
        _number("new_units_added", text),
        crashes,
        bool(status or crashes),
    )


def _number(name: str, text: str) -> int:
    match = re.search(rf"stat::{name}:\s+(\d+)", text)
    return int(match[1]) if match else 0


def _tell(one: Outcome) -> None:
    print(f"{one.target}: {one.executions} executions, {one.new} new inputs", flush=True)
    for crash in one.crashes:
        print(f"  repeat with: .venv/bin/python -m fuzz.replay {one.target} {crash}", flush=True)


def _row(one: Outcome) -> list[Cell]:
    return [one.target, one.executions, one.new, len(one.crashes)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m fuzz",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--minutes", type=float, default=10, help="in all (default: 10)")
    add("--only", type=_names, help="some of the targets and ports: front,admin")
    options = parser.parse_args()
    names = options.only or (*TARGETS, *PORTS)
    options.only = [name for name in names if name in TARGETS]
    options.ports = [name for name in names if name in PORTS]
    return options


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - {*TARGETS, *PORTS}:
        raise argparse.ArgumentTypeError(f"no targets: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
