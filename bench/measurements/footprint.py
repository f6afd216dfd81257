"""What it takes to have one at all: disk, start, memory, and what it does at rest."""

import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from subprocess import DEVNULL
from subprocess import run as run_command
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from packaging.requirements import Requirement

from bench.console import say
from bench.contender import Setup
from bench.contenders import CONTENDERS, Running, missing, starting
from bench.markdown import shown, table
from bench.plan import START_SECONDS, Plan
from bench.processes import ROOT, answers
from bench.procfs import cpu_seconds, memory, resident, switches
from bench.samples import Samples

ABOUT = "install size, start to first answer, help, memory, CPU and wake-ups at rest"
NAMES = ("uvicorn", "nginx", "prack", "prack-grpc", "prack-rest")
QUICK = Plan(rounds=3, seconds=5, contenders=NAMES)
FULL = Plan(rounds=5, seconds=10, contenders=(*NAMES, "haproxy", "nginx-gunicorn"), full=True)
DISTRIBUTIONS = ("prack", "prack-worker", "grpcio")
# Ours are installed as links to these folders.
OWN = {"prack": ROOT / "prack_grpc", "prack-worker": ROOT / "clients" / "python"}
LONGEST_START_SECONDS = 30.0
SETTLE_SECONDS = 2.0
PROCESS_SECONDS = 1.5  # to start and stop, roughly
MIB = 1024 * 1024
FIELDS = ("front_resident", "front_memory", "app_memory", "cpu", "switches")
HEAD = (
    "contender",
    "first answer, s",
    "proxy or gateway, RSS, MiB",
    "PSS, MiB",
    "application, PSS, MiB",
    "CPU at rest, %",
    "wake-ups/s",
)
TEXT = """\
### Footprint

First answer: from the start of all processes to the first 200, with a bare ASGI application. At
rest: nobody asks for anything; RSS is what `ps` shows, PSS has only a part of what processes share.
CPU is a part of one core, wake-ups are voluntary context switches, both of all processes of a
contender.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    starts = len(plan.contenders) * plan.rounds * PROCESS_SECONDS
    return starts + START_SECONDS + SETTLE_SECONDS + plan.seconds


def run(plan: Plan) -> Samples:
    """Seconds, bytes, parts of a core, switches a second."""
    samples = Samples()
    for name in DISTRIBUTIONS:
        samples.add(distribution=name, size=installed_size(name))
    names = [name for name in plan.contenders if not missing(CONTENDERS[name])]
    for number in range(plan.rounds):
        for name in names:
            seconds = _start(name)
            samples.add(contender=name, what="start", round=number, seconds=seconds)
            say(f"{name:16s} first answer after {seconds:.2f} s")
        samples.add(what="help", round=number, seconds=_help())
    with plan.started(Setup()) as found:
        sleep(SETTLE_SECONDS)
        before = [_used(one) for one in found]
        sleep(plan.seconds)
        for one, (cpu, woken) in zip(found, before, strict=True):
            cpu_now, woken_now = _used(one)
            record = {
                "front_resident": resident(one.role("front")) if one.role("front") else None,
                "front_memory": memory(one.role("front")) if one.role("front") else None,
                "app_memory": memory(one.role("app")),
                "cpu": (cpu_now - cpu) / plan.seconds * 100,
                "switches": (woken_now - woken) / plan.seconds,
            }
            samples.add(contender=one.name, what="rest", **record)
    return samples


def _start(name: str) -> float:
    """Seconds to the first answer; infinite if there is none."""
    with TemporaryDirectory(prefix="prack-bench-") as folder:
        begin = monotonic()
        with starting(CONTENDERS[name], Setup(), Path(folder)) as one:
            while monotonic() - begin < LONGEST_START_SECONDS:
                if answers(one.url):
                    return monotonic() - begin
                sleep(0.002)
    return float("inf")


def _help() -> float:
    """Seconds of `prack --help`, from its start to its end."""
    begin = monotonic()
    run_command(
        (sys.executable, "-m", "prack_grpc", "--help"), stdout=DEVNULL, check=True, cwd=ROOT
    )
    return monotonic() - begin


def _used(one: Running) -> tuple[float, int]:
    return cpu_seconds(one.processes), switches(one.processes)


def installed_size(name: str) -> int:
    """Bytes of a distribution and of everything that it needs."""
    found: set[str] = set()
    _add(name, found)
    return sum(map(_size, found))


def _add(name: str, found: set[str]) -> None:
    if name in found:
        return
    try:
        needed = distribution(name).requires or []
    except PackageNotFoundError:  # needed elsewhere only
        return
    found.add(name)
    for requirement in map(Requirement, needed):
        if not requirement.marker or requirement.marker.evaluate({"extra": ""}):
            _add(requirement.name.lower().replace("_", "-"), found)


def _size(name: str) -> int:
    if name in OWN:
        paths = [path for path in OWN[name].rglob("*.py*") if "tests" not in path.parts]
    else:
        paths = [Path(str(file.locate())) for file in distribution(name).files or []]
    return sum(path.stat().st_size for path in paths if path.is_file())


def report(samples: Samples) -> str:
    """What runs, and what is installed."""
    rows = []
    for name in samples.values("contender"):
        start = samples.median("seconds", contender=name)
        cells = [samples.median(field, contender=name, what="rest") for field in FIELDS]
        used = [None if size is None else size / MIB for size in cells[:3]]
        rows.append((name, start, *used, *cells[3:]))
    sizes = [(name, samples.median("size", distribution=name)) for name in DISTRIBUTIONS]
    disk = [(name, (size or 0) / MIB) for name, size in sizes]
    installed = table(("distribution, with what it needs", "MiB on disk"), disk)
    help_ = samples.median("seconds", what="help")
    told = f"`prack --help` takes {shown(help_)} s."
    return f"{TEXT}\n{table(HEAD, rows)}\n{told}\n\n{installed}"
