"""TLS between real processes: clients, gateways that change, and workers on each transport."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from prack_grpc.cli.main import main
from tests.acceptance.processes import OVER, PYTHON, Gateway, Launcher, Process, fetch
from tests.acceptance.reloads import reload_under_load
from tests.support.certificates import Authority, Issued

RELOADS = 10
Asked = Callable[..., tuple[int, str]]
EACH = pytest.mark.parametrize("over", OVER)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom clients and workers trust."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Issued:
    """What the gateway shows, on all ports."""
    return authority.issue("DNS:localhost", "IP:127.0.0.1")


@pytest.fixture(scope="module")
def secure(shared: Launcher, shown: Issued) -> Gateway:
    """A gateway with TLS on all ports."""
    return shared.gateway(*shown.flags(), *shown.flags("api-tls"))


def dialling(launch: Launcher, url: str, *flags: str) -> Process:
    """A worker that may not get in, on a machine that trusts its own authorities."""
    command = (PYTHON, "-m", "prack_worker", "tests.acceptance.probe:app", "--gateway", url)
    return launch.process(*command, *flags, env={"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""})


@EACH
def test_a_worker_serves_over_tls(
    launch: Launcher, secure: Gateway, authority: Authority, over: str
) -> None:
    worker = launch.worker(secure, over, "--tls-ca", str(authority.file))
    reply = fetch(secure.port, "/run/hello", tls=authority.client())
    assert (reply.status, reply.body) == (200, b"hello 1")
    body = bytes(3 * 1024 * 1024)
    reply = fetch(secure.port, "/run/large", "POST", body, tls=authority.client())
    assert reply.status == 200
    assert worker.stop() == 0


@EACH
def test_the_certificate_must_be_for_the_name_that_was_dialled(
    launch: Launcher, authority: Authority, over: str
) -> None:
    other = authority.issue("DNS:gateway.example")
    gateway = launch.gateway(*other.flags("api-tls"))
    ca = ("--tls-ca", str(authority.file))
    refused = dialling(launch, gateway.url(over), *ca)
    line = refused.line("No gateway at .*").string
    assert "certificate is not for 127.0.0.1" in line
    assert "--tls-server-name" in line
    right = dialling(launch, gateway.url(over), *ca, "--tls-server-name", "gateway.example")
    right.line("Connected to")
    assert right.stop() == 0
    assert refused.popen.poll() is None, "it dials again: a certificate can be mended"


@EACH
def test_the_certificate_must_be_of_an_authority_that_is_trusted(
    launch: Launcher, secure: Gateway, tmp_path: Path, over: str
) -> None:
    foreign = Authority(tmp_path)
    line = dialling(launch, secure.url(over), "--tls-ca", str(foreign.file)).line(
        "No gateway at .*"
    )
    assert f"expected one signed by {foreign.file}" in line.string
    line = dialling(launch, secure.url(over)).line("No gateway at .*")
    assert "expected one signed by an authority of this system" in line.string


@EACH
def test_a_gateway_without_tls_says_so(
    launch: Launcher, gateway: Gateway, authority: Authority, over: str
) -> None:
    plain, _, address = gateway.url(over).partition("://")
    line = dialling(launch, f"{plain}s://{address}", "--tls-ca", str(authority.file))
    assert f"speaks no TLS: use {plain}://" in line.line("No gateway at .*").string


def test_the_plain_carrier_on_a_port_with_tls_says_so(launch: Launcher, secure: Gateway) -> None:
    worker = dialling(launch, f"prack://127.0.0.1:{secure.api_port}")
    assert "use pracks://" in worker.line("No gateway at .*").string


def test_reloads_under_load_fail_no_request(launch: Launcher, authority: Authority) -> None:
    load = reload_under_load(launch, authority, RELOADS)
    assert not load.failures
    assert load.answered >= 20 * RELOADS


def test_a_new_certificate_is_shown_without_a_signal(
    launch: Launcher, authority: Authority
) -> None:
    shown = authority.issue("IP:127.0.0.1", file="watched")
    gateway = launch.gateway(*shown.flags())
    authority.issue("IP:127.0.0.1", file="watched")
    gateway.line('"tls_loaded"', number=2)
    shown.cert.write_text("broken")
    assert str(shown.cert) in json.loads(gateway.line('.*"tls_not_reloaded".*').string)["message"]
    assert fetch(gateway.port, "*", "OPTIONS", tls=authority.client()).status == 204


BAD = {
    "no key of the public port": (("--tls-cert", "own.pem", "--tls-key", "own.pem"), "--tls-cert"),
    "no key of the others": (
        ("--api-tls-cert", "own.pem", "--api-tls-key", "own.pem"),
        "--api-tls-cert",
    ),
    "no file": (("--tls-cert", "own.pem", "--tls-key", "nowhere.key"), "--tls-key"),
    "an old one": (("--tls-cert", "old.pem", "--tls-key", "old.key"), "--tls-cert"),
    "no authorities": (
        ("--api-tls-cert", "own.pem", "--api-tls-key", "own.key", "--client-ca", "own.key"),
        "--client-ca",
    ),
}


@pytest.mark.parametrize(("flags", "named"), BAD.values(), ids=BAD.keys())
def test_c10_a_gateway_does_not_start_with_a_bad_certificate(
    launch: Launcher, tmp_path: Path, flags: Sequence[str], named: str
) -> None:
    authority = Authority(tmp_path)
    authority.issue("DNS:own")
    authority.issue("DNS:old").expire()
    words = [word if word.startswith("--") else str(tmp_path / word) for word in flags]
    status, said = launch.failing(*words)
    assert status == 3
    assert f"prack: {named}: {tmp_path}/" in said
    assert "Traceback" not in said


def test_uvicorn_says_which_certificate_is_bad(launch: Launcher, shown: Issued) -> None:
    server = launch.process(
        *(PYTHON, "-m", "uvicorn", "prack_grpc.app:app", "--http=prack_grpc.app:http"),
        env={"PRACK_API_TLS_CERT": str(shown.cert), "PRACK_API_TLS_KEY": str(shown.cert)},
    )
    server.line(f"prack: --api-tls-cert: {shown.cert} cannot be used")
    assert server.wait() == 1


@pytest.fixture(scope="module")
def closed(shared: Launcher, authority: Authority, shown: Issued) -> Gateway:
    """A gateway that demands certificates of workers and operators."""
    return shared.gateway(*shown.flags("api-tls"), "--client-ca", str(authority.file))


@EACH
def test_a_worker_shows_its_certificate(
    launch: Launcher, closed: Gateway, authority: Authority, over: str
) -> None:
    own, ca = authority.issue("DNS:worker.example"), ("--tls-ca", str(authority.file))
    line = dialling(launch, closed.url(over), *ca).line("No gateway at .*").string
    assert "give one with --tls-cert and --tls-key" in line
    worker = launch.worker(closed, over, *ca, *own.flags())
    assert fetch(closed.port, "/run/x").status == 200
    assert worker.stop() == 0
    if over != "rest":
        assert closed.records("worker_connected")[-1]["certificate"] == "worker.example"


def test_a_certificate_without_its_key_is_wrong_usage(launch: Launcher, shown: Issued) -> None:
    worker = dialling(
        launch, "pracks://127.0.0.1:1", "--tls-cert", str(shown.cert), "--tls-key", "nowhere"
    )
    assert worker.wait() == 2
    worker.line("--tls-cert: .* cannot be used with the key .*nowhere")


COMMANDS = (("workers",), ("traffic",), ("top", "--once"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Asked:
    """Runs a command with these variables: its exit status, and its errors."""

    def run(*words: str, env: Mapping[str, str]) -> tuple[int, str]:
        with monkeypatch.context() as variables:
            for name, value in env.items():
                variables.setenv(name, value)
            status = main(words)
        return status, capsys.readouterr().err

    return run


def test_commands_of_operators_call_over_tls(
    asked: Asked, secure: Gateway, authority: Authority, shown: Issued
) -> None:
    port = {
        "PRACK_API_PORT": str(secure.api_port),
        "PRACK_ADMIN_PORT": str(secure.admin_port),
    }
    ca, own = ("--tls-ca", str(authority.file)), {"PRACK_API_TLS_CERT": str(shown.cert)}
    key = {"PRACK_API_TLS_KEY": str(shown.key)}
    for words in (*COMMANDS, ("healthcheck",)):
        on_its_machine = asked(*words, env=port | own | key)
        assert on_its_machine == (0, "")
    for words in COMMANDS:
        elsewhere = asked(*words, *ca, env=port)
        assert elsewhere == (0, "")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--tls-ca", "nowhere.pem"), "--tls-ca: No such file"),
        (("--tls-cert", "a.pem", "--tls-key", "a.key"), "--tls-cert: needs --tls-ca"),
        (("--tls-ca", "a.pem", "--tls-key", "a.key"), "--tls-key: needs "),
    ],
)
def test_a_command_says_what_is_wrong_with_its_files(
    asked: Asked, flags: Sequence[str], said: str
) -> None:
    status, errors = asked("queue", *flags, env={})
    assert status == 2
    assert said in errors


def test_a_command_says_which_name_was_expected(
    launch: Launcher, asked: Asked, authority: Authority
) -> None:
    other = launch.gateway(*authority.issue("DNS:gateway.example").flags("api-tls"))
    port = {"PRACK_API_PORT": str(other.api_port)}
    status, errors = asked("queue", "--tls-ca", str(authority.file), env=port)
    assert status == 1
    assert errors.startswith(f"prack: no gateway at https://127.0.0.1:{other.api_port}")
    assert "certificate is not for 127.0.0.1" in errors


def test_commands_of_operators_show_a_certificate(
    asked: Asked, closed: Gateway, authority: Authority
) -> None:
    own = authority.issue("DNS:operator.example")
    ca = ("--tls-ca", str(authority.file))
    port = {"PRACK_API_PORT": str(closed.api_port)}
    assert asked("queue", *ca, env=port)[0] == 1
    assert asked("queue", *ca, *own.flags(), env=port) == (0, "")
    files = {
        "PRACK_TLS_CA": str(authority.file),
        "PRACK_CLIENT_CERT": str(own.cert),
        "PRACK_CLIENT_KEY": str(own.key),
    }
    assert asked("healthcheck", env=port | files) == (0, "")
