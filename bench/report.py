"""Medians and ratios of what was measured, as Markdown."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from statistics import median

from bench.contenders import BASELINE, CONTENDERS
from bench.load import Sample
from bench.tools import find, version

# (contender, connections) -> one sample for each round
Samples = dict[tuple[str, int], list[Sample]]

HEADER = """\
| contender | requests/s | lowest - highest | of {baseline} | p50 ms | p99 ms | CPU us | errors |
|---|--:|--:|--:|--:|--:|--:|--:|
"""
METHOD = """\
Medians of {rounds} rounds of {seconds} s each; in each round the contenders take turns. A ratio is
the median of the rounds' ratios to `{baseline}`. One application process each, no access logs (but
`-logged`), loopback, wrk with one thread on the same cores; latency is that of a closed loop. CPU
is what all of a contender's processes use for one request (wrk is not counted).
"""


def progress(name: str, connections: int, sample: Sample) -> str:
    """One sample as one line."""
    errors = f"  {sample.errors} ERRORS" if sample.errors else ""
    return (
        f"{connections:5d} conn  {name:18s}{sample.rate:9,.0f} req/s"
        f"  p50 {sample.p50:8.2f} ms  p99 {sample.p99:8.2f} ms{errors}"
    )


def markdown(samples: Samples, app: str, seconds: int, rounds: int) -> str:
    """The whole report."""
    names = list(dict.fromkeys(name for name, _ in samples))
    counts = sorted({count for _, count in samples})
    about = "\n".join(f"- `{name}`: {CONTENDERS[name].about}" for name in names)
    tables = "\n".join(_table(samples, names, count) for count in counts)
    return (
        f"# {app}, {datetime.now(UTC):%Y-%m-%d}\n\n{_machine(names)}\n\n{about}\n\n"
        f"{METHOD.format(rounds=rounds, seconds=seconds, baseline=BASELINE)}\n{tables}"
    )


def _table(samples: Samples, names: list[str], count: int) -> str:
    rows = "".join(_row(samples, name, count) for name in names if (name, count) in samples)
    title = f"## {count} connection{'s' if count > 1 else ''}\n\n"
    return title + HEADER.format(baseline=BASELINE) + rows


def _row(samples: Samples, name: str, count: int) -> str:
    mine, base = samples[name, count], samples.get((BASELINE, count), [])
    rates = [sample.rate for sample in mine]
    ratios = [own.rate / other.rate for own, other in zip(mine, base, strict=False) if other.rate]
    errors = sum(sample.errors for sample in mine)
    cells = (
        f"{name} **(failed)**" if errors else name,
        f"{median(rates):,.0f}",
        f"{min(rates):,.0f} - {max(rates):,.0f}",
        f"{median(ratios):.2f}" if ratios else "-",
        f"{median(sample.p50 for sample in mine):.2f}",
        f"{median(sample.p99 for sample in mine):.2f}",
        f"{median(sample.cpu for sample in mine):.0f}",
        f"{errors}",
    )
    return f"| {' | '.join(cells)} |\n"


def _machine(names: list[str]) -> str:
    packages = ("uvicorn", "uvloop", "httptools", "grpcio", "protobuf", "fastapi")
    versions = [f"{name} {package_version(name)}" for name in packages]
    tools = [version("wrk")] + ([version("nginx")] if "nginx" in names and find("nginx") else [])
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cores} cores, {_processor()}; {python}; {', '.join(versions)}; {'; '.join(tools)}."


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
