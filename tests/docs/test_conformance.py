"""The conformance kit and the pages say the same."""

import re

import pytest

from prack_grpc.conformance.app import ROUTES
from prack_grpc.conformance.case import Case
from prack_grpc.conformance.rest.cases import CATALOGUE as REST
from prack_grpc.conformance.stream.cases import CATALOGUE as STREAM
from tests.docs.pages import page, rows

RULE = re.compile(r"^(\d+\.\d+) (.*?)(?=^\d+\.\d+ |^## |\Z)", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^##+ (.*)$", re.MULTILINE)
TEXT = dict(RULE.findall(page("proto/README.md")))


@pytest.mark.parametrize("case", STREAM.cases, ids=lambda case: case.name)
def test_rules_of_streams_exist(case: Case) -> None:
    assert set(case.rules) <= set(TEXT)


@pytest.mark.parametrize(
    "case", [case for case in STREAM.cases if case.advice], ids=lambda case: case.name
)
def test_advice_is_what_the_text_advises(case: Case) -> None:
    assert "SHOULD" in TEXT[case.rules[0]]


@pytest.mark.parametrize("case", REST.cases, ids=lambda case: case.name)
def test_rules_of_rest_are_headings(case: Case) -> None:
    headings = HEADING.findall(page("docs/rest.md"))
    assert all(any(one.startswith(rule) for one in headings) for rule in case.rules)


@pytest.mark.parametrize("case", STREAM.cases + REST.cases, ids=lambda case: case.name)
def test_each_case_says_what_a_worker_does(case: Case) -> None:
    assert re.fullmatch(r"[A-Z].*\.", case.about)


def test_the_application_is_described() -> None:
    table = [row[0].strip("`") for row in rows(page("docs/conformance.md"), "route")]
    names = {route.split("/")[1] for route in table if route.startswith("/")}
    assert names == {*ROUTES, "ws", "ws-refused"}


def test_capabilities_are_described() -> None:
    table = rows(page("docs/conformance.md"), "capability")
    told = {row[0].strip("`"): row[1] for row in table}
    assert list(told) == sorted({*STREAM.capabilities(), *REST.capabilities()})
    for name, where in told.items():
        assert (name in STREAM.capabilities()) is (where != "rest")
        assert (name in REST.capabilities()) is (where in ("rest", "all"))
