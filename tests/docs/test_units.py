"""The systemd units of deploy/ name commands, variables and sockets that exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from prack_grpc.handover.systemd import NAMES
from prack_grpc.settings.loading import PREFIX
from prack_grpc.settings.settings import Settings
from prack_worker.settings.options import OPTIONS
from tests.docs.pages import ROOT
from tests.docs.test_pages import CALL, FLAG, flags
from tests.support.tools import needed

SERVICES = sorted((ROOT / "deploy").glob("*.service"))
VARIABLES = {
    "prack": {PREFIX + name.upper() for name in Settings.model_fields},
    "prack-worker": {option.variable_name() for option in OPTIONS},
}


def values(text: str, key: str) -> list[str]:
    """What a unit says for this key, which may come several times."""
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.mark.parametrize("name", [path.name for path in SERVICES])
def test_a_service_runs_what_exists(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text()
    commands = [one for one in values(text, "Exec[A-Z][a-z]+") if not one.startswith("/bin/kill ")]
    assert commands
    for command in commands:
        match = CALL.search(command)
        assert match, command
        program, arguments = match.groups()
        assert set(FLAG.findall(arguments)) <= flags(program)
    names = re.findall(r"(PRACK_\w+)=", " ".join(values(text, "Environment")))
    assert set(names) <= VARIABLES[program]


@pytest.mark.parametrize("name", [path.name for path in SERVICES])
def test_a_service_may_do_little(name: str) -> None:
    """The score of systemd, times ten: below 20 is "OK"."""
    program = needed("systemd-analyze", "systemd")
    path = str(ROOT / "deploy" / name)
    command = (program, "security", "--offline=true", "--threshold=20", "--no-pager", path)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_socket_is_one_that_a_gateway_takes() -> None:
    text = (ROOT / "deploy/prack.socket").read_text()
    assert set(values(text, "FileDescriptorName")) < set(NAMES)
    settings = Settings.model_validate({})
    assert values(text, "ListenStream") == [f"{settings.host}:{settings.port}"]


def test_a_stop_has_longer_than_the_grace_period() -> None:
    grace = Settings.model_validate({}).grace
    for path in SERVICES:
        (seconds,) = values(path.read_text(), "TimeoutStopSec")
        assert int(seconds) > grace + 3


@pytest.mark.parametrize("name", [path.name for path in SERVICES])
def test_systemd_understands_a_service(name: str, tmp_path: Path) -> None:
    program = needed("systemd-analyze", "systemd")
    text = (ROOT / "deploy" / name).read_text()
    copy = tmp_path / name
    copy.write_text(re.sub(r"^(Exec\w+=)/\S+", rf"\g<1>{sys.executable}", text, flags=re.MULTILINE))
    command = (program, "verify", "--man=no", "--recursive-errors=no", str(copy))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
