"""Starts workers beside applications."""

from pathlib import Path

from tests.acceptance.processes import PYTHON, Gateway, Launcher, Process

APP = (PYTHON, "-m", "tests.sidecar.plain_app")


def beside(
    launch: Launcher,
    gateway: Gateway,
    *flags: str,
    over: str = "prack",
    command: tuple[str, ...] = APP,
    folder: Path | None = None,
) -> Process:
    """A `prack-worker` beside this command; () stands for what runs already."""
    words = (PYTHON, "-m", "prack_worker", "--gateway", gateway.url(over), *flags)
    after = ("--", *command) if command else ()
    return launch.process(*words, *after, env={"APP_DIR": str(folder)} if folder else None)
