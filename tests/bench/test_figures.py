"""How the benchmark counts, and what it makes of the counts."""

import math
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import page, plot, targets
from bench.markdown import shown, table
from bench.measurements import MEASUREMENTS, frameworks, queueing
from bench.measurements.throughput import baseline
from bench.results import Results
from bench.samples import Samples, percentile

TAIL = {
    **{"contender": "nginx", "load": 0.7, "round": 0, "errors": 0},
    **{"mean": 1.0, "p50": 1.0, "p99": 2.0, "model": 2.0, "curve": [1.0, 2.0]},
}
SVG = "{http://www.w3.org/2000/svg}"


def results(folder: Path, name: str, **record: object) -> Results:
    """Results that hold one record."""
    kept = Results(folder)
    kept.save(name, MEASUREMENTS[name].QUICK, Samples([record]))
    return kept


@pytest.mark.parametrize(("percent", "value"), [(1, 1), (50, 50), (99, 99), (99.5, 100)])
def test_percentile_is_the_nearest_rank(percent: float, value: int) -> None:
    assert percentile(range(100, 0, -1), percent) == value


def test_percentile_of_failures_alone_is_infinite() -> None:
    assert percentile([], 99) == math.inf


def test_ratio_compares_within_a_round() -> None:
    samples = Samples()
    for number, (mine, other) in enumerate([(10, 10), (20, 10), (90, 30)]):
        samples.add(who="a", round=number, rate=mine)
        samples.add(who="b", round=number, rate=other)
    assert samples.ratio("rate", {"who": "a"}, {"who": "b"}) == 2
    assert samples.ratio("rate", {"who": "a"}, {"who": "c"}) is None
    assert samples.median("rate", who="a") == 20
    assert samples.median("rate", who="c") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (12345.6, "12,346"), (99.94, "99.9"), (0.125, "0.12"), (7, "7"), ("a", "a")],
)
def test_numbers_have_the_digits_that_count(value: float | str | None, text: str) -> None:
    assert shown(value) == text


def test_table_is_markdown() -> None:
    assert table(("who", "n"), [("a", 1)]) == "| who | n |\n| --- | --: |\n| a | 1 |\n"


# Four long jobs, then a short one a moment later: all that differs is where it waits.
WORK = [(0.0, 0.2), (0.0, 0.1), (0.0, 0.2), (0.0, 0.2), (0.01, 0.005), (0.02, 0.005)]


def test_single_queue_takes_whoever_is_free_first() -> None:
    assert queueing.single_queue(WORK) == pytest.approx([200, 100, 200, 200, 95, 90])


def test_round_robin_waits_behind_whoever_has_the_turn() -> None:
    assert queueing.round_robin(WORK) == pytest.approx([200, 100, 200, 200, 195, 85])


def test_least_connections_counts_without_knowing_how_long() -> None:
    assert queueing.least_connections(WORK) == pytest.approx([200, 100, 200, 200, 195, 85])
    assert queueing.least_connections([*WORK[:4], (0.15, 0.005)])[4] == pytest.approx(5)


def test_simulated_work_is_the_same_for_the_same_seed() -> None:
    assert queueing.jobs(0.7, 5, 1) == queueing.jobs(0.7, 5, 1)
    assert queueing.jobs(0.7, 5, 1) != queueing.jobs(0.7, 5, 2)


def test_short_work_is_chosen_to_be_as_a_long_run() -> None:
    long = percentile(queueing.single_queue(queueing.jobs(0.7, 2000, 0)), 99)
    chosen = queueing.typical(0.7, 10, 2)
    assert len(chosen) == 2
    assert chosen[0] != chosen[1]
    for work in chosen:
        assert percentile(queueing.single_queue(work), 99) == pytest.approx(long, rel=0.2)


def test_plot_is_well_formed_and_always_the_same() -> None:
    series: dict[str, list[tuple[float, float]]] = {
        "a & b": [(1, 2), (1000, 4000)],
        "none": [],
        "lost": [(5, math.inf)],
    }
    svg = plot.lines("t", "x", "y", series, log_x=True)
    assert svg == plot.lines("t", "x", "y", series, log_x=True)
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert "a & b" in texts
    assert "none" not in texts
    assert len(list(root.iter(f"{SVG}polyline"))) == 1


def test_plot_without_points_is_empty() -> None:
    assert plot.lines("t", "x", "y", {"a": []}) == ""
    assert plot.bars("t", "x", {"a": {}}) == ""


def test_bars_are_as_long_as_what_they_show() -> None:
    svg = plot.bars("t", "x", {"70 %": {"a & b": 10, "c": math.inf}, "85 %": {"a & b": 20, "d": 5}})
    root = ElementTree.fromstring(svg)  # noqa: S314 - our own
    widths = [float(one.attrib["width"]) for one in root.iter(f"{SVG}rect") if "y" in one.attrib]
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert widths[:3] == [widths[1] / 2, widths[1], widths[1] / 4]
    assert {"a & b", "d", "70 %", "85 %", "20"} <= set(texts)
    assert "c" not in texts


def test_frameworks_are_compared_with_their_own_baseline(tmp_path: Path) -> None:
    samples = Samples()
    p99 = {"fastapi": (10.0, 5.0), "flask": (20.0, 30.0), "django": (8.0, 2.0)}
    for app, figures in p99.items():
        for name, value in zip((baseline(app), "prack"), figures, strict=True):
            case = {"app": app, "users": frameworks.USERS, "round": 0, "errors": 0}
            samples.add(contender=name, rate=100.0, p50=1.0, p99=value, **case)
    assert "| prack | 100 | 1.00 | 30.0 | 1.50 | 0 |" in frameworks.report(samples)
    kept = Results(tmp_path)
    kept.save("frameworks", frameworks.FULL, samples)
    rows = [line for line in targets.report(kept).splitlines() if "each framework" in line]
    assert rows[0].endswith("| at most 1 | 1.50 | **not met** |")
    assert rows[1].endswith("| not measured |")


def test_page_has_what_was_measured_in_its_order_and_leads_there(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}old\n{page.END}after\n")
    case = {"contender": "nginx", "round": 0, "rate": 9.0, "errors": 0}
    kept = results(tmp_path / "results", "throughput", app="hello", connections=32, **case)
    kept.save("tail", MEASUREMENTS["tail"].FULL, Samples([TAIL]))
    kept.save("frameworks", frameworks.FULL, Samples([case | {"app": "django", "connections": 7}]))
    page.write(kept, file)
    text = file.read_text()
    headings = re.findall("^### (.+)$", text, re.MULTILINE)
    assert headings == ["Tail", "Frameworks", "Hello", "Targets"]
    assert (
        "[Tail](#tail) · [Frameworks](#frameworks) · [Hello](#hello) · [Targets](#targets)" in text
    )
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text.splitlines()
    shown = re.findall(r"\(plots/(.+)\.svg\)", text)
    assert shown == ["tail", "tail-cdf", "throughput"]
    assert sorted(one.stem for one in (tmp_path / "plots").iterdir()) == sorted(shown)


@pytest.mark.parametrize(("rate", "verdict"), [(1500, "met"), (1499, "**not met**")])
def test_targets_say_what_became_of_them(tmp_path: Path, rate: int, verdict: str) -> None:
    kept = results(tmp_path, "rest", contender="prack-rest-one", round=0, rate=rate)
    text = targets.report(kept)
    assert (
        f"| one at a time, exchanges/s | prack-rest-one | at least 1,500 | {rate:,} | {verdict} |"
        in text
    )
    assert "| idle gateway, RSS | prack | at most 56 MiB | - | not measured |" in text


@pytest.mark.parametrize(("p50", "verdict"), [(1.5, "met, with the stretch"), (2.0, "met")])
def test_targets_with_a_stretch(tmp_path: Path, p50: float, verdict: str) -> None:
    kept = Results(tmp_path)
    case = {"app": "hello", "connections": 1, "round": 0}
    records = [
        {"contender": "nginx", "p50": 1.0, **case},
        {"contender": "prack", "p50": p50, **case},
        {"contender": "prack-grpc", "p50": 3.0, **case},
    ]
    kept.save("throughput", MEASUREMENTS["throughput"].FULL, Samples(records))
    rows = [line for line in targets.report(kept).splitlines() if "p50 of one client" in line]
    assert [row.split(" | ")[1] for row in rows] == ["prack", "prack-grpc"]
    assert rows[0].endswith(f"| {verdict} |")
    assert rows[1].endswith("| **not met** |")


def test_cost_of_figures_is_a_ratio_within_a_round_with_its_spread() -> None:
    samples = Samples()
    for number, (off, on) in enumerate([(1000, 970), (500, 480), (2000, 1980)]):
        samples.add(contender="prack-blind", round=number, rate=off, front_cpu=50.0)
        samples.add(contender="prack", round=number, rate=on, front_cpu=51.5)
    rows = MEASUREMENTS["figures"].report(samples).splitlines()
    assert "| prack | 970 | 0.97 | 0.96 | 0.99 | 51.5 | 1.03 | 1.03 | 1.03 |" in rows
