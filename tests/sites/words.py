"""What docs/sites.md says of a site: how it is prepared, and the two commands that serve it."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.processes import environment
from tests.docs.pages import FENCE, page

NAMED = re.compile(r"# (\S+)\n")
# What programs of the site's own environment find, and nothing of who runs the tests.
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


@dataclass(frozen=True)
class Words:
    """One section.

    Attributes:
        steps: language and text of each block of code, in order, without the two commands.
        worker: the command that serves the site with Prack.
        direct: the one that serves it without, on the port `$PORT`.
    """

    steps: tuple[tuple[str, str], ...]
    worker: str
    direct: str

    @property
    def exports(self) -> str:
        """The lines that set variables, also for the two commands."""
        lines = [line for _, text in self.steps for line in text.splitlines()]
        return "\n".join(line for line in lines if line.startswith("export "))

    def prepare(self, folder: Path) -> None:
        """Do in this folder what has to be done once."""
        for language, text in self.steps:
            if language == "sh":
                run(f"{self.exports}\n{text}", folder)
            else:
                write(text, folder)


def words(site: str) -> Words:
    """Those of the section with this heading."""
    _, _, after = page("docs/sites.md").partition(f"\n## {site}\n")
    section, _, _ = after.partition("\n## ")
    *steps, (_, last) = FENCE.findall(section)
    *lines, worker, direct = last.splitlines()
    return Words((*steps, ("sh", "\n".join(lines))), worker, direct)


def variables(folder: Path) -> dict[str, str]:
    """What a site's processes have beside what they are told."""
    return {"PATH": PATH, "HOME": str(folder), "PORT": "0", "PYTHONPATH": ""}


def run(script: str, folder: Path) -> None:
    """Run these lines; the first that fails is the end."""
    command = ("sh", "-ec", script)
    done = subprocess.run(
        command, cwd=folder, env=environment(variables(folder)), capture_output=True, text=True
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"


def write(text: str, folder: Path) -> None:
    """Save a block whose first line names the file."""
    name = NAMED.match(text)
    assert name, f"the first line must name the file: {text}"
    (folder / name[1]).write_text(text)
