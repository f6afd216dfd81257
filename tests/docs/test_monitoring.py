"""The alert rules and the dashboard of deploy/ use metrics that docs/operations.md lists."""

import json
import re
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT, page, rows
from tests.support.dashboard import expressions, panels
from tests.support.tools import needed

PROMETHEUS = ROOT / "deploy/prometheus"
RULES = PROMETHEUS / "prack.rules.yml"
STORIES = PROMETHEUS / "prack.rules.test.yml"
NAME = re.compile(r"\bprack_\w+")
PART = re.compile(r"_(bucket|sum|count)$")


def promtool(*arguments: str | Path) -> str:
    """What promtool says; it must be content."""
    command = [needed("promtool", "prometheus"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unknown(text: str) -> set[str]:
    """The metrics in this text that the page does not list."""
    table = {row[0].strip("`"): row[1] for row in rows(page("docs/operations.md"), "metric")}
    histograms = {name for name, kind in table.items() if kind == "histogram"}
    named = set(NAME.findall(text))
    assert named
    return {name for name in named if name not in table and PART.sub("", name) not in histograms}


def test_prometheus_takes_the_configuration() -> None:
    assert "2 rule files found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_alerts_fire_when_they_should() -> None:
    promtool("test", "rules", STORIES)


def test_each_alert_has_a_story_in_which_it_fires() -> None:
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) > 10
    assert set(alerts) == set(re.findall(r'alertname="(\w+)", alertstate', STORIES.read_text()))


def test_each_alert_says_what_to_do() -> None:
    _, *alerts = RULES.read_text().split("- alert: ")
    for alert in alerts:
        for part in ("severity: (critical|warning|info)", "summary: ", "description: "):
            assert re.search(part, alert), f"{alert.split()[0]} has no {part}"


def test_alerts_watch_metrics_that_exist() -> None:
    text = re.sub(r"\w+:prack_requests_failed:\w+", "", RULES.read_text())
    assert unknown(text) == set()


def test_the_dashboard_shows_metrics_that_exist() -> None:
    assert unknown(json.dumps([text for _, text in expressions()])) == set()


def test_the_dashboard_asks_what_prometheus_understands(tmp_path: Path) -> None:
    rules = [{"record": f"shown:{n}", "expr": text} for n, (_, text) in enumerate(expressions())]
    file = tmp_path / "dashboard.yml"  # any JSON is YAML
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", file)


def test_the_dashboard_can_be_imported() -> None:
    shown = panels()
    ids = [panel["id"] for panel in shown]
    assert len(ids) == len(set(ids)) > 20
    sources = [target["datasource"] for panel in shown for target in panel.get("targets", [])]
    assert {source["uid"] for source in sources} == {"${datasource}"}
    for panel in shown:
        letters = [target["refId"] for target in panel.get("targets", [])]
        assert len(letters) == len(set(letters)), panel["title"]


def test_panels_have_places_of_their_own() -> None:
    for panel in panels():
        assert 0 <= panel["gridPos"]["x"] <= 24 - panel["gridPos"]["w"], panel["title"]
    for one, other in combinations(panels(), 2):
        assert apart(one["gridPos"], other["gridPos"]), (one["title"], other["title"])


def apart(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return any(
        first[start] + first[length] <= second[start]
        for first, second in ((one, other), (other, one))
        for start, length in (("x", "w"), ("y", "h"))
    )
