"""What was measured, kept as JSON, one file for each measurement."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.machine import describe
from bench.plan import Plan
from bench.processes import ROOT
from bench.samples import Samples

FOLDER = ROOT / "bench" / "results"


class Results:
    """The results in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, name: str, plan: Plan, samples: Samples) -> None:
        """Replace what was measured under this name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        about = {"at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": describe(), "plan": asdict(plan)}
        text = json.dumps({"about": about, "records": samples.records}, indent=1)
        self._path(name).write_text(text + "\n")

    def load(self, name: str) -> Samples:
        """Empty if it was not measured."""
        return Samples(self._read(name).get("records", ()))

    def conditions(self, name: str) -> str:
        """How and when it was measured."""
        about = self._read(name)["about"]
        plan = about["plan"]
        measured = self.load(name).values("contender")
        without = [one for one in plan["contenders"] if one not in measured]
        left_out = f" Left out: {', '.join(without)}." if without else ""
        rounds = f"{plan['rounds']} round{'s' if plan['rounds'] > 1 else ''}"
        length = f" of {plan['seconds']:g} s" if plan["seconds"] else ""
        return f"{rounds}{length}, {about['at']}.{left_out}"

    def machine(self, name: str) -> str:
        """Where it was measured."""
        machine: str = self._read(name)["about"]["machine"]
        return machine

    def _read(self, name: str) -> dict[str, Any]:
        path = self._path(name)
        data: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return data

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"
