"""The table of languages is what runs of the conformance kit said."""

import json
from pathlib import Path

import pytest

from prack_grpc.conformance.rest.cases import CATALOGUE as REST
from prack_grpc.conformance.stream.cases import CATALOGUE as STREAM
from scripts.languages_table import COLUMNS, SCHEMES, cell, filled, main, row
from tests.docs.pages import page


def run_of(folder: Path, **outcomes: str) -> Path:
    """What the kit printed of a Go worker: the outcome of each case."""
    rules = {"drain": ["7.1"], "trailers": ["4.10"], "tls": ["11.5"]}
    cases = [
        {"name": name, "rules": rules.get(name, ["10.5"]), "outcome": outcome}
        for name, outcome in outcomes.items()
    ]
    path = folder / "go-prack.json"
    path.write_text(json.dumps({"transport": "prack", "cases": cases}))
    return path


@pytest.mark.parametrize("column", COLUMNS)
def test_each_column_has_cases(column: str) -> None:
    names = {case.name: case for case in (*STREAM.cases, *REST.cases)}
    tried = [
        {"name": name, "rules": list(case.rules), "outcome": "passed"}
        for name, case in names.items()
    ]
    assert cell(tried, column) == "yes"
    assert cell([case | {"outcome": "skipped"} for case in tried], column) == ""


def test_a_row_is_what_its_run_said(tmp_path: Path) -> None:
    outcomes = {"drain": "passed", "trailers": "failed", "tls": "skipped", "tunnel-echo": "passed"}
    place, line = row(run_of(tmp_path, **outcomes))
    assert place == ("[Go](../clients/go/README.md)", SCHEMES["prack"])
    assert line == ("| [Go](../clients/go/README.md) | `prack://` |  | yes |  | yes |  | no |  |")


def test_rows_of_others_stay_and_are_in_order() -> None:
    text = page("docs/languages.md")
    assert filled(text, {}) == text
    assert text.index("[Python]") < text.index("[Go]")


def test_the_page_has_to_say_what_the_runs_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--check", str(run_of(tmp_path, drain="failed"))]) == 1
    assert "does not say what the runs say" in capsys.readouterr().err
