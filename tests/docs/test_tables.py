"""Tables that repeat what the code says must say the same."""

import dataclasses
import re
from enum import Enum
from types import SimpleNamespace

import pytest

from prack_grpc.core import errors
from prack_grpc.core.exchange.states import CALLER, WORKER, Call, Caller, Work, WorkEvent
from prack_grpc.core.limits import BookLimits, Limits
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.telemetry.access import Record
from prack_grpc.telemetry.books.books import Books
from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.metrics.scrape import up
from scripts import settings_table
from tests.core.building import a_request
from tests.docs.pages import ROOT, page, rows
from tests.telemetry.books.test_books import START, ended, record
from tests.telemetry.metrics.test_scrape import shown as of_books

UNITS = {"s": 1, "KiB": 1024, "MiB": 1024**2}
NEVER_RAN = {501, 503, 505}


def test_readme_lists_every_setting() -> None:
    text = page("README.md")
    assert settings_table.filled(text) == text, "run: python -m scripts.settings_table"


def test_every_error_is_explained() -> None:
    table = {row[1].strip("`"): row for row in rows(page("docs/errors.md"), "status | code")}
    assert set(table) == {kind.code for kind in errors.ALL}
    for kind in errors.ALL:
        status, _, ran, retry_after, *_ = table[kind.code]
        assert int(status) == kind.status
        assert int(retry_after or 0) == kind.retry_after
        never = kind.status < 500 or kind.status in NEVER_RAN
        assert ran.startswith("no" if never else "maybe"), kind.code


def test_readme_sums_up_every_status() -> None:
    table = rows(page("README.md"), "status")
    shown = {int(status) for row in table for status in re.findall(r"\d{3}", row[0])}
    assert shown == {kind.status for kind in errors.ALL} - {errors.INTERNAL.status}


def test_every_limit_has_its_default_and_a_reason() -> None:
    text = page("docs/operations.md")
    core, guard = text.split("Of the public port")
    for part, limits in ((core[core.index("## Limits") :], Limits()), (guard, ConnectionLimits())):
        table = {row[0].strip("`"): row[1:] for row in rows(part, "limit")}
        assert {name: amount(default) for name, (default, _) in table.items()} == {
            field.name: getattr(limits, field.name) for field in dataclasses.fields(limits)
        }
        assert all(reason for _, reason in table.values())


def amount(text: str) -> object:
    if text in ("True", "none"):
        return {"True": True, "none": {}}[text]
    number, _, unit = text.replace(",", "").partition(" ")
    return float(number) * UNITS.get(unit, 1)


def test_every_field_of_the_access_log_is_explained() -> None:
    record = Record("GET", b"/", b"", None)
    record.ticket = SimpleNamespace(
        id="r1", assignment=None, since=0.0, handed=1.0, answered=2.0, left=False
    )
    record.request = a_request(headers=[(b"traceparent", b"00-%032x-%016x-01" % (1, 1))])
    record.error = "deadline"
    names = [
        name for row in rows(page("docs/operations.md"), "field") for name in row[0].split(",")
    ]
    assert {name.strip(" `") for name in names} == set(record.fields(0.0))


def test_every_metric_is_explained() -> None:
    shown = {row[0].strip("`"): row[1:3] for row in rows(page("docs/operations.md"), "metric")}
    named = {name: (kind, set(re.findall(r"`(\w+)`", of))) for name, (kind, of) in shown.items()}
    books = Books(BookLimits(), START)
    ended(books, record(), START + 1)
    books.refused("framing")
    assert named == {
        metric.name + "_total" * (metric.type == "counter"): (
            metric.type,
            {label for sample in metric.samples for label in sample.labels} - {"le"},
        )
        for metric in (*of_books(books, now=Certified({"public": 2e9}, 0, [])), up(["a"], []))
    }


@pytest.mark.parametrize(
    ("events", "table"), [(Call, CALLER), (WorkEvent, WORKER)], ids=["caller", "worker"]
)
def test_state_tables_are_those_of_the_core(
    events: type[Enum], table: dict[Enum, dict[Enum, Enum]]
) -> None:
    head = " | ".join(event.name for event in events)
    shown = {row[0]: row[1:] for row in rows(page("docs/architecture.md"), f"| {head}")}
    states = Caller if events is Call else Work
    assert shown == {
        state.name: [target(table[state], event) for event in events] for state in states
    }


def target(transitions: dict[Enum, Enum], event: Enum) -> str:
    return transitions[event].name if event in transitions else ""


def test_every_action_of_the_log_is_explained() -> None:
    known = set(re.findall(r"`(\w+)`", page("docs/operations.md")))
    said = re.compile(r'"action": "(\w+)"(?: if \w+ else "(\w+)")?')
    sources = ROOT.joinpath("prack_grpc").rglob("*.py")
    found = {name for path in sources for pair in said.findall(path.read_text()) for name in pair}
    assert len(found) > 25
    assert found - {""} <= known


def test_real_sites_have_the_version_that_is_tested() -> None:
    pins = [page("requirements/dev.txt"), page("requirements/sites.txt")]
    for site, version, *_ in rows(page("docs/sites.md"), "site"):
        name = re.escape(site.strip("[").partition("]")[0].lower())
        found = [re.search(rf"^{name}(?:-graphql)?==(\S+)", text, re.MULTILINE) for text in pins]
        assert next(pin[1] for pin in found if pin) == version, site
