"""The dashboard of deploy/grafana as Grafana would use it."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parents[2] / "deploy/grafana/prack.json"
# What Grafana puts in the place of variables while all is shown.
ALL = {
    "$__rate_interval": "1m",
    **dict.fromkeys(("$job", "$instance", "$service", "$route"), ".*"),
}


def panels() -> list[dict[str, Any]]:
    """All panels, rows among them."""
    found: list[dict[str, Any]] = json.loads(FILE.read_text())["panels"]
    return found


def expressions() -> list[tuple[str, str]]:
    """What each panel and annotation asks Prometheus: its title, and PromQL."""
    marks = json.loads(FILE.read_text())["annotations"]["list"]
    asked = [(mark["name"], mark["expr"]) for mark in marks]
    for panel in panels():
        asked += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    return [(title, filled(text)) for title, text in asked]


def filled(text: str) -> str:
    """With the values of variables."""
    for variable, value in ALL.items():
        text = text.replace(variable, value)
    assert "$" not in text, text
    return text
