"""Every promise and every row of bad input that tests name by number is in docs/promises.md."""

import io
import re
import subprocess
import tokenize
from pathlib import Path

from tests.docs.pages import ROOT, page

TESTS = ("tests/*.py", "clients/python/tests/*.py", "soak/*.py")
# In names of tests they are in lower case: test_p93_a_trusted_proxy.
NUMBER = re.compile(r"(?<![\w%/\\&.-])([SLOPWGC][1-9]\d?)(?!\w)(?! from| to)")
RANGE = re.compile(r"\b([SLOPWGC])([1-9]\d?) (?:to|-) \1([1-9]\d?)\b")
NAME = re.compile(r"test_([slopwgc][1-9]\d?)_")
TEXTS = {tokenize.STRING, tokenize.COMMENT, tokenize.NAME}


def named(path: Path) -> set[str]:
    """The numbers in the strings, comments and names of a module."""
    found: set[str] = set()
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in TEXTS:
            found |= {*NUMBER.findall(token.string)}
            found |= {number.upper() for number in NAME.findall(token.string)}
    return found


def test_promises_that_tests_name_are_on_the_page() -> None:
    command = ["git", "ls-files", *TESTS]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    where = {name: named(ROOT / name) for name in listing.stdout.split()}
    known = set(re.findall(r"^\| ([SLOPWGC]\d+) \|", page("docs/promises.md"), re.MULTILINE))
    assert {name: found - known for name, found in where.items() if found - known} == {}
    assert len(set[str]().union(*where.values())) > 100
