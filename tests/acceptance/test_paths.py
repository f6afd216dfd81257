"""Paths are relative to the folder a command was started in, wherever the application goes."""

import os
import re
import secrets
import shutil
import ssl
from pathlib import Path

import pytest

from tests.acceptance.processes import OVER, PYTHON, ROOT, Launcher, fetch
from tests.acceptance.proxies import self_signed

GATEWAY = ROOT / "prack_grpc"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with an application that leaves, as a path relative to that of the commands."""
    shutil.copy(ROOT / "tests/acceptance/wanderer.py", tmp_path)
    (tmp_path / "late_module.py").write_text("WORD = b'late'\n")
    return Path(os.path.relpath(tmp_path, ROOT))


@pytest.mark.parametrize("over", OVER)
def test_a_worker_finds_its_modules_and_reads_its_token_again(
    launch: Launcher, here: Path, over: str
) -> None:
    (ROOT / here / "token").write_text(secrets.token_urlsafe())
    token = ("--token-file", str(here / "token"))
    gateway = launch.gateway(*token)
    worker = launch.worker(gateway, over, "--app-dir", str(here), *token, app="wanderer:app")
    assert fetch(gateway.port, "/").body == b"late"
    gateway.kill()
    (ROOT / here / "token").write_text(secrets.token_urlsafe())
    again = launch.gateway(*token, ports=gateway.ports)
    worker.line("Connected to", number=2)
    assert fetch(again.port, "/").body == b"late"


def test_a_worker_finds_the_authorities_that_it_trusts(launch: Launcher, here: Path) -> None:
    cert = self_signed(ROOT / here)
    key = cert.with_name("privkey.pem")
    assert ssl.create_default_context(cafile=cert).get_ca_certs()
    serve = (PYTHON, "-m", "uvicorn", "tests.acceptance.probe:app", "--host", "localhost")
    tls = ("--ssl-keyfile", str(key), "--ssl-certfile", str(cert))
    server = launch.process(*serve, "--port", "0", *tls)
    port = server.line(r"running on https://localhost:(\d+)")[1]
    worker = launch.process(
        *(PYTHON, "-m", "prack_worker", "wanderer:app", "--app-dir", str(here)),
        *("--gateway", f"https://localhost:{port}"),
        env={"SSL_CERT_FILE": str(here / cert.name)},
    )
    # No Prack gateway answers there, but one that is trusted does.
    assert "CERTIFICATE_VERIFY" not in worker.line("No gateway at .*").string


def test_the_gateway_stays_where_it_was_started() -> None:
    sources = GATEWAY.rglob("*.py")
    assert [path for path in sources if re.search(r"\bf?chdir\b|cwd=", path.read_text())] == []


def test_the_gateway_keeps_its_state_in_the_same_file_after_an_upgrade(
    launch: Launcher, here: Path
) -> None:
    state = here / "state.json"
    gateway = launch.gateway("--state-file", str(state))
    launch.worker(gateway)
    prack, api = (PYTHON, "-m", "prack_grpc"), ("--api-port", str(gateway.api_port))
    assert launch.process(*prack, "upgrade", *api).wait() == 0
    gateway.line('"upgraded"')
    split = launch.process(*prack, "traffic", "web", "v1=1", *api)
    assert split.wait() == 0, split.lines
    assert "v1" in (ROOT / state).read_text()
    pid = int(gateway.line(r"process (\d+) has taken over")[1])
    os.kill(pid, 15)
