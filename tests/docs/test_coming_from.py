"""The tables for who comes from other servers name all their flags, and those that we have."""

import re
import subprocess
import sys

import pytest

from tests.docs.pages import CODE, page, rows
from tests.docs.test_pages import flags

FLAG = re.compile(r"--[a-z][a-z0-9-]*")
# An option at the start of a line of `--help`; what it does comes after two spaces, or below.
OPTION = re.compile(r"^  (-\S.*?)(?:  |$)", re.MULTILINE)
PAGE = "docs/coming-from.md"
SERVERS = ("gunicorn", "uvicorn", "granian")


def theirs(server: str) -> set[str]:
    """The flags of this server, without the opposites of others."""
    done = subprocess.run(
        [sys.executable, "-m", server, "--help"], capture_output=True, text=True, check=True
    )
    found = {flag for option in OPTION.findall(done.stdout) for flag in FLAG.findall(option)}
    return {flag for flag in found if flag.replace("--no-", "--", 1) not in found - {flag}}


@pytest.mark.parametrize("server", SERVERS)
def test_each_of_their_flags_is_there_once(server: str) -> None:
    named = [flag for row in rows(page(PAGE), server) for flag in FLAG.findall(row[0])]
    assert sorted(named) == sorted(theirs(server))


@pytest.mark.parametrize("server", SERVERS)
def test_what_it_is_here_exists(server: str) -> None:
    spans = {span for row in rows(page(PAGE), server) for span in CODE.findall(row[1])}
    ours = {span for span in spans if span.startswith("--")}
    assert ours | {span for span in spans if span.startswith("prack serve --")} == spans
    assert ours <= flags("prack-worker")
    of_gateway = {flag for span in spans - ours for flag in FLAG.findall(span)}
    assert of_gateway <= flags("prack", "serve")


@pytest.mark.parametrize("server", SERVERS)
def test_a_flag_that_is_not_needed_has_a_reason(server: str) -> None:
    assert all(here or why for _, here, why in rows(page(PAGE), server))
