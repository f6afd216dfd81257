"""The pages of this repository, and what is in them."""

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")


@cache
def pages() -> list[Path]:
    """Every Markdown file that is, or with the next commit would be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    try:
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = [ROOT / name for name in listing.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):  # an archive, not a work tree
        found = [path for path in ROOT.rglob("*.md") if "/." not in f"/{path.relative_to(ROOT)}"]
    return sorted(path for path in found if path.is_file())


def page(name: str) -> str:
    """The text of one page."""
    return (ROOT / name).read_text()


def fenced(text: str, language: str) -> list[str]:
    """The code blocks in this language."""
    return [block for found, block in FENCE.findall(text) if found == language]


def prose(text: str) -> str:
    """The text without code blocks and code spans."""
    return CODE.sub("", FENCE.sub("", text))


def rows(text: str, first: str) -> list[list[str]]:
    """The cells of the table whose head begins with the cell `first`, without its head."""
    lines = iter(text.splitlines())
    found = []
    for line in lines:
        if line.startswith(f"| {first} |"):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                found.append([cell.strip() for cell in row.strip("|").split("|")])
            break
    assert found, f"there is no table with the head {first!r}"
    return found
