"""A gateway that is to meet others on NATS, and what that takes."""

import subprocess
import sys

MADE = """
import sys
{before}
from prack_grpc.composition.service import Service
from prack_grpc.settings.loading import SettingsError, load
try:
    Service(load({flags}, {{}}))
except SettingsError as error:
    print(error)
print(*(name for name in sys.modules if name.partition(".")[0] in ("nats", "nkeys")), end="")
"""
ASKED = {"nats": "nats://127.0.0.1", "cluster": "shop"}


def made(flags: dict[str, str], before: str = "") -> str:
    """What a process says and has imported that makes a gateway of these settings."""
    command = [sys.executable, "-c", MADE.format(flags=flags, before=before)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_nothing_is_imported_unasked() -> None:
    assert made({}) == ""
    assert "nats.aio.client" in made(ASKED)


def test_a_missing_extra_is_named() -> None:
    said = made(ASKED, "sys.modules['nats'] = None")
    assert "--nats: the extra is not installed (No module named nats" in said
    assert "pip install 'prack[nats]'" in said
