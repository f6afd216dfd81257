"""Servers in other languages, and how each is started on $PORT."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import needed

FOLDER = Path(__file__).parent / "programs"


@dataclass(frozen=True)
class Program:
    """A server: its command, and the Debian package that brings what runs it."""

    tool: str
    package: str
    command: str

    def words(self, built: Path) -> tuple[str, ...]:
        """The command that runs it, after it was built into this folder, if it has to be."""
        tool = needed(self.tool, self.package)
        script = self.command.format(tool=tool, here=FOLDER, built=built)
        return ("sh", "-c", f"exec {script}")


PROGRAMS = {
    "node": Program("node", "nodejs", "{tool} {here}/node.js"),
    "express": Program("node", "nodejs", "{tool} {built}/express/app.js"),
    "go": Program("go", "golang-go", "{built}/server"),
    "php": Program("php", "php-cli", "{tool} -q -S 127.0.0.1:$PORT {here}/pages.php"),
    "rack": Program("puma", "puma", "{tool} -q -b tcp://127.0.0.1:$PORT {here}/config.ru"),
    "static": Program(
        "caddy", "caddy", "{tool} file-server --listen 127.0.0.1:$PORT --root {built}/files"
    ),
}


def build(folder: Path) -> None:
    """Install Express's packages, build Go's program, write the files of the static site."""
    shutil.copytree(FOLDER / "express", folder / "express")
    shutil.copy(FOLDER / "seen.js", folder / "express")
    _run(folder / "express", needed("npm", "npm"), "ci", "--no-audit", "--no-fund")
    go = needed("go", "golang-go")
    _run(folder, go, "build", "-o", folder / "server", FOLDER / "server.go")
    files = folder / "files"
    files.mkdir()
    (files / "plain").write_text("hello")
    (files / "a b.txt").write_text("with a space")
    (files / "large").write_bytes(b"0123456789" * 200_000)
    os.utime(files / "plain", (1_000_000_000, 1_000_000_000))


def _run(folder: Path, *words: str | Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
