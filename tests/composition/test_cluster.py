"""A gateway that is to meet others on NATS, and what that takes."""

import subprocess
import sys
from pathlib import Path

import pytest

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


JWT = "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n"
SEED = "-----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n"


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("creds", "", "expected a credentials file of NATS"),
        ("creds", JWT.format("a.b.c"), "expected a credentials file of NATS"),
        ("creds", JWT.format("a.b.c") + SEED.format("SUno"), "expected the seed of a user's nkey"),
        ("nkey", "SUno", "expected the seed of a user's nkey"),
        ("nkey", "\u00e9", "expected the seed of a user's nkey"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(
    tmp_path: Path, name: str, text: str, problem: str
) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    assert f"--nats-{name}: {problem}" in made({**ASKED, f"nats_{name}": str(file)})


def test_an_authority_that_is_none_is_named(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("none")
    assert "--nats-ca: " in made({**ASKED, "nats_ca": str(file)})
