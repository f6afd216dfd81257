"""The generated part of docs/performance.md, and its plots."""

import re
from collections.abc import Iterable
from pathlib import Path

from bench import targets
from bench.measurements import MEASUREMENTS, clients, frameworks, tail, throughput
from bench.processes import ROOT
from bench.results import Results

PAGE = ROOT / "docs" / "performance.md"
PLOTTED = {
    "tail": tail.plots,
    "frameworks": frameworks.plots,
    "throughput": throughput.plots,
    "clients": clients.plots,
}
BEGIN, END = "<!-- figures: make bench-full -->\n", "<!-- end of figures -->\n"


def section(name: str, results: Results) -> str:
    """What was measured under this name, as Markdown."""
    text = MEASUREMENTS[name].report(results.load(name))
    return f"{text}\n{results.conditions(name)}\n"


def write(results: Results, page: Path = PAGE) -> None:
    """Replace the figures of the page by what is in these results; plots go beside it."""
    measured = [name for name in MEASUREMENTS if results.load(name)]
    machines = dict.fromkeys(f"Measured on {results.machine(name)}.\n" for name in measured)
    parts = []
    for name in measured:
        parts += [section(name, results), *_plots(name, results, page.parent / "plots")]
    parts.append(targets.report(results))
    parts = [*machines, _contents(parts), *parts]
    text = page.read_text()
    begin, end = text.index(BEGIN) + len(BEGIN), text.index(END)
    page.write_text(text[:begin] + "\n" + "\n".join(parts) + "\n" + text[end:])


def _contents(parts: Iterable[str]) -> str:
    """Links to the headings of these."""
    found = re.findall("^### (.+)$", "\n".join(parts), re.MULTILINE)
    links = (f"[{heading}](#{heading.lower().replace(' ', '-')})" for heading in found)
    return " · ".join(links) + "\n"


def _plots(name: str, results: Results, folder: Path) -> list[str]:
    """Write the plots of a measurement. Returns what shows them."""
    drawn = PLOTTED[name](results.load(name)) if name in PLOTTED else {}
    found = {file: svg for file, svg in drawn.items() if svg}  # not what lacks all points
    folder.mkdir(exist_ok=True)
    for file, svg in found.items():
        (folder / f"{file}.svg").write_text(svg)
    return [f"![{_title(svg)}](plots/{file}.svg)\n" for file, svg in found.items()]


def _title(svg: str) -> str:
    match = re.search('aria-label="([^"]*)"', svg)
    return match[1] if match else ""
