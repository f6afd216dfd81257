"""The programs that a benchmark needs: found, or installed where that is possible."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# NATS as `make nats` brings it; Go and Node as `make test-go` and `make test-node` do, if the
# machine's are too old.
ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("build/tools", ".venv-go/bin", ".venv-node/bin")
BROUGHT = tuple(str(ROOT / folder) for folder in FOLDERS)
# nginx is often not on the path of ordinary users.
PLACES = (*BROUGHT, os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin")
PATH = os.pathsep.join(PLACES)
POLICY = Path("/usr/sbin/policy-rc.d")
INSTALL_SECONDS = 180
COMPILED = str(ROOT / ".venv-compiled/bin/prack")
# Debian's NATS is too old, and on the path of all tests of this machine; it has not the others.
MADE = {
    COMPILED: "make compile",
    "nats-server": "make nats",
    "traefik": "make bench-tools",
    "rathole": "make bench-tools",
    "cranker": "make bench-tools",
}
# How they are asked for their version, where that is not `-v`.
VERSION = {"caddy": "version", "rathole": "--version", "traefik": "version"}
# Debian's packages of programs that are not named as these.
PACKAGES = {
    "go": "golang-go",
    "javac": "default-jdk-headless",
    "node": "nodejs",
    "php": "php-cli",
    "rackup": "ruby-rack",
}


def find(name: str) -> Path | None:
    """Where this program is."""
    found = shutil.which(name, path=PATH)
    return Path(found) if found else None


def provide(name: str) -> str:
    """Have this program here. Returns why it is not, or an empty string."""
    if find(name):
        return ""
    if name in MADE:
        return f"{name} is not here: run {MADE[name]}"
    package = PACKAGES.get(name, name)
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return f"{name} is not installed (on Debian: sudo apt-get install {package})"
    with _services_stay_off():
        done = _apt("install", "-y", "-q", "--no-install-recommends", package)
        if done.returncode:
            _apt("update", "-q")
            done = _apt("install", "-y", "-q", "--no-install-recommends", package)
    return "" if find(name) else f"{package} could not be installed: {done.stderr.strip()[-300:]}"


def version(name: str) -> str:
    """Its name and version, as it says."""
    done = subprocess.run(
        [str(find(name)), VERSION.get(name, "-v")], capture_output=True, text=True, timeout=10
    )
    text = (done.stdout + done.stderr).strip()
    found = re.search(r"(?<![\d:])\d+(\.\d+)+", text)  # of the program, and not a time
    return f"{name} {found[0] if found else text}"


def _apt(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["apt-get", *arguments],
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
    )


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """A package that brings a service would start it, on all interfaces."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
