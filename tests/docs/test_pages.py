"""Links lead somewhere, and commands exist."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from prack_grpc.cli.commands import OPERATING
from tests.docs.pages import CODE, ROOT, fenced, page, pages, prose

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FLAG = re.compile(r"--[a-z][a-z-]*")
MODULES = {"prack": "prack_grpc", "prack-worker": "prack_worker"}
COMMANDS = ("serve", "top", "upgrade", "conformance", *OPERATING)
# A command of ours at the start of a line, or as what a container runs.
CALL = re.compile(r"(?:^|[\s/])(prack|prack-worker)(?=\s)(?! prack)([^|&;]*)")
# Pages whose text names flags of other programs, and of the benchmark.
FOREIGN = ("docs/coming-from.md", "docs/decisions/", "docs/performance.md")
NAMES = [str(path.relative_to(ROOT)) for path in pages()]


@cache
def flags(program: str, *command: str) -> frozenset[str]:
    """What the help of this program lists, and the opposites of its switches."""
    line = [sys.executable, "-m", MODULES[program], *command, "--help"]
    text = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    known = set(FLAG.findall(text))
    return frozenset(known | {f"--no-{flag[2:]}" for flag in known})


def anchors(path: Path) -> set[str]:
    """The names of a page's headings, as the common hosts make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(block: str) -> list[str]:
    """The commands of a shell block, without their comments."""
    lines = block.replace("\\\n", " ").splitlines()
    return [line.partition(" #")[0].strip() for line in lines if not line.startswith("#")]


def command_of(program: str, arguments: str) -> list[str]:
    """The command that a line of `prack` runs; `serve` if it names none."""
    if program != "prack":
        return []
    word, *more = arguments.split()
    if word == "token":
        return [word, *more[:1]]
    return [word if word in COMMANDS else "serve"]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for target in LINK.findall(prose(page(name))):
        if "://" in target or target.startswith("mailto:"):
            continue
        place, _, anchor = target.partition("#")
        path = (ROOT / name).parent / place if place else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("name", NAMES)
def test_commands_have_the_flags_that_they_are_shown_with(name: str) -> None:
    for block in fenced(page(name), "sh") + fenced(page(name), "ini"):
        for command in commands(block):
            if match := CALL.search(command):
                program, arguments = match.groups()
                arguments = arguments.partition(" -- ")[0]  # then another program's follow
                known = flags(program, *command_of(program, arguments))
                assert set(FLAG.findall(arguments)) <= known, command


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith(FOREIGN)])
def test_flags_in_the_text_exist(name: str) -> None:
    spans = [span for span in CODE.findall(page(name)) if span.startswith("--")]
    shown = {flag for span in spans for flag in FLAG.findall(span)}
    of_commands = [flags("prack", command) for command in COMMANDS]
    assert shown <= flags("prack-worker").union(*of_commands)


def test_readme_shows_the_two_commands() -> None:
    first = fenced(page("README.md"), "sh")[0]
    assert commands(first) == ["make run", "make test"]


@pytest.mark.parametrize("name", NAMES)
def test_python_in_the_pages_compiles(name: str) -> None:
    for block in fenced(page(name), "python"):
        compile(block, name, "exec")


def test_paths_in_the_architecture_exist() -> None:
    folders = (ROOT / "prack_grpc", ROOT / "clients/python/prack_worker")
    files = [f"/{path.relative_to(ROOT)}" for folder in folders for path in folder.rglob("*.py")]
    spans = CODE.findall(page("docs/architecture.md"))
    names = [span for span in spans if re.fullmatch(r"[\w/]+\.py", span)]
    assert names
    assert not [name for name in names if not any(file.endswith(f"/{name}") for file in files)]


def test_decisions_are_listed() -> None:
    folder = ROOT / "docs/decisions"
    numbered = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    index = (folder / "README.md").read_text()
    assert [path.name for path in numbered if f"]({path.name})" not in index] == []
    assert [int(path.name[:4]) for path in numbered] == list(range(1, len(numbered) + 1))
