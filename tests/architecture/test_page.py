"""What the page's files promise: no build, nothing from elsewhere, text that stays text."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.architecture.test_repository import MAX_FILE_LINES, ROOT

STATIC = ROOT / "prack_grpc/dashboard/static"
VENDOR = STATIC / "vendor"
OWN = sorted(path for path in STATIC.rglob("*.*") if VENDOR not in path.parents)
SCRIPTS = [path for path in OWN if path.suffix == ".js"]
# What makes markup or code of text, or needs a policy that allows more.
FORBIDDEN = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    r"|setAttribute\(\"style\"|cssText|\sstyle=|\son\w+=\"|<style|https?://(?!www\.w3\.org/)"
)
IMPORT = re.compile(r'^import .*?from "([^"]+)";', re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(STATIC))


def test_vendored_files_are_what_their_checksums_say() -> None:
    lines = (VENDOR / "SHA256SUMS").read_text().splitlines()
    said = {name: checksum for checksum, name in (line.split("  ", 1) for line in lines)}
    files = [path for path in VENDOR.iterdir() if path.name != "SHA256SUMS"]
    assert said == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert "LICENSE" in said


@pytest.mark.parametrize("path", OWN, ids=name)
def test_files_are_small_and_make_no_code_of_text(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert FORBIDDEN.findall(text) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=name)
def test_modules_import_what_exists(path: Path) -> None:
    missing = [
        target
        for target in IMPORT.findall(path.read_text())
        if not (path.parent / target).is_file()
    ]
    assert missing == []


def test_every_module_and_style_is_used() -> None:
    page = (STATIC / "index.html").read_text()
    used = {STATIC / target for target in re.findall(r'"static/([^"]+)"', page)}
    for path in SCRIPTS:
        used |= {(path.parent / target).resolve() for target in IMPORT.findall(path.read_text())}
    assert {path for path in OWN if path.suffix in {".js", ".css", ".svg"}} <= used
