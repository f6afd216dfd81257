"""Programs that tests need and that a machine may lack."""

import os
import shutil
from pathlib import Path

import pytest

# Where `make` puts what no package brings.
BUILT = Path(__file__).resolve().parents[2] / "build/tools"


def needed(program: str, package: str = "", *, built_by: str = "") -> str:
    """The path of a program, which this Debian package brings, or this command builds.

    Without it the test is skipped, or fails where TEST_EVERYTHING=1 says that nothing may be.
    """
    # What was built has the version that the tests are written for; a package may be older.
    path = shutil.which(program, path=f"{BUILT}:{os.environ['PATH']}:/usr/sbin")
    if path is None:
        remedy = f"run {built_by}" if built_by else f"on Debian, apt-get install {package}"
        missing = f"there is no {program}: {remedy}"
        (pytest.fail if os.environ.get("TEST_EVERYTHING") else pytest.skip)(missing)
    return path
