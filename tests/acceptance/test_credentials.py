"""A gateway with a credentials file, as processes: its commands, signals and workers."""

import signal
import subprocess
from contextlib import redirect_stdout
from datetime import datetime
from io import StringIO
from pathlib import Path

import pytest

from prack_grpc.cli.main import main
from tests.acceptance.processes import (
    OVER,
    PYTHON,
    ROOT,
    SECONDS,
    Launcher,
    environment,
    fetch,
)
from tests.support.certificates import Authority
from tests.support.issuer import Issuer, table

SCOPE = ("--service", "shop", "--route", "shop.test/*")


def prack(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    return subprocess.run(
        [PYTHON, "-m", "prack_grpc", *words],
        cwd=ROOT,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


def a_token(file: Path, name: str, *words: str) -> Path:
    """A file with the secret of a new token."""
    with redirect_stdout(StringIO()) as said:
        assert main(["token", "new", "--file", str(file), "--name", name, *words]) == 0
    secret = file.with_name(name)
    secret.touch(0o600)
    secret.write_text(said.getvalue())
    return secret


def revoke(file: Path, name: str) -> None:
    """Take a token out of the file."""
    assert main(["token", "revoke", name, "--file", str(file)]) == 0


@pytest.mark.parametrize("over", OVER)
def test_a_worker_of_a_scope_serves_until_it_is_revoked(
    launch: Launcher, tmp_path: Path, over: str
) -> None:
    file = tmp_path / "credentials"
    secret = a_token(file, "shop-1", "--role", "worker", *SCOPE)
    gateway = launch.gateway("--credentials", str(file))
    known = ("--token-file", str(secret))
    worker = launch.worker(gateway, over, *known, "--service", "shop", "--route", "shop.test")
    assert fetch(gateway.port, "/run/1", headers={"Host": "shop.test"}).status == 200
    revoke(file, "shop-1")
    gateway.line('"action": "revoked", "principal": "shop-1"')
    (revoked,) = gateway.records("revoked")
    assert datetime.fromisoformat(revoked["time"]).timestamp() - file.stat().st_mtime < 1
    worker.line("check PRACK_TOKEN or --token-file")
    assert worker.stop() == 0


@pytest.mark.parametrize("over", OVER)
def test_a_worker_with_a_token_of_an_issuer_serves_until_its_key_is_withdrawn(
    launch: Launcher, tmp_path: Path, over: str
) -> None:
    issuer = Issuer()
    (tmp_path / "keys.json").write_text(issuer.jwks())
    file, token = tmp_path / "credentials", tmp_path / "token"
    file.touch(0o600)
    entry = '[[token]]\nname = "shop"\nrole = "worker"\nissuer = "idp"\nclaims.sub = "shop:*"\n'
    file.write_text(table("keys.json") + entry)
    token.touch(0o600)
    token.write_text(issuer.token("shop:main"))
    gateway = launch.gateway("--credentials", str(file))
    worker = launch.worker(gateway, over, "--token-file", str(token))
    assert fetch(gateway.port, "/run/1").status == 200
    issuer = Issuer()
    (tmp_path / "keys.json").write_text(issuer.jwks())
    gateway.line('"action": "revoked", "principal": "idp:shop:main#')
    worker.line("check PRACK_TOKEN or --token-file")
    token.write_text(issuer.token("shop:main"))
    assert fetch(gateway.port, "/run/2").status == 200
    assert worker.stop() == 0


@pytest.mark.parametrize("over", OVER)
def test_a_worker_with_a_certificate_needs_no_token(
    launch: Launcher, tmp_path: Path, over: str
) -> None:
    authority, file = Authority(tmp_path), tmp_path / "credentials"
    named = prack(
        *("token", "new", "--file", str(file), "--name", "shop-2", "--role", "worker"),
        *("--certificate", "shop-2.example", *SCOPE),
    )
    assert (named.returncode, named.stdout) == (0, "")
    shown, own = authority.issue("IP:127.0.0.1"), authority.issue("DNS:shop-2.example")
    ca = str(authority.file)
    tls = (*shown.flags("api-tls"), "--client-ca", ca)
    gateway = launch.gateway("--credentials", str(file), *tls)
    known = ("--tls-ca", ca, *own.flags(), "--service", "shop", "--route", "shop.test")
    worker = launch.worker(gateway, over, *known)
    assert fetch(gateway.port, "/run/1", headers={"Host": "shop.test"}).status == 200
    revoke(file, "shop-2")
    gateway.line('"action": "revoked", "principal": "shop-2"')
    worker.line("check PRACK_TOKEN or --token-file")
    assert worker.stop() == 0


def test_a_worker_beyond_its_scope_is_told_so(launch: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    secret = a_token(file, "shop-1", "--role", "worker", *SCOPE)
    gateway = launch.gateway("--credentials", str(file))
    command = (PYTHON, "-m", "prack_worker", "tests.acceptance.probe:app")
    flags = ("--gateway", gateway.url("prack"), "--token-file", str(secret), "--service", "shop")
    worker = launch.process(*command, *flags)
    worker.line("routes: .*/ is not allowed by these credentials; allowed: shop.test/")
    assert worker.wait() == 1


def test_operators_have_tokens_of_their_own(launch: Launcher, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    secrets = {
        role: a_token(file, role[:2], "--role", role) for role in ("operator", "viewer", "worker")
    }
    gateway = launch.gateway("--credentials", str(file))

    def run(role: str, *words: str) -> subprocess.CompletedProcess[str]:
        at = ("--api-port", str(gateway.api_port), "--token-file", str(secrets[role]))
        return prack(*words, *at)

    assert run("operator", "drain", "w1").returncode == 0
    assert run("operator", "workers").returncode == 0
    assert run("viewer", "workers").returncode == 0
    for role, words in [("viewer", ("drain", "w1")), ("worker", ("workers",))]:
        refused = run(role, *words)
        assert refused.returncode == 1
        assert "credentials" in refused.stderr or "only operators may" in refused.stderr


def test_a_signal_reads_the_file_and_a_bad_one_changes_nothing(
    launch: Launcher, tmp_path: Path
) -> None:
    file = tmp_path / "credentials"
    secret = a_token(file, "op", "--role", "operator").read_text().strip()
    gateway = launch.gateway("--credentials", str(file))
    gateway.send(signal.SIGHUP)
    gateway.line('"action": "credentials_reloaded"')
    file.write_text("[[token]]\n")
    gateway.line("kept the credentials as they were: .*: token 1: name: expected")
    headers = {"Authorization": f"Bearer {secret}"}
    assert fetch(gateway.api_port, "/api/v1/queue", headers=headers).status == 200


def test_a_bad_file_stops_the_start(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.touch(0o600)
    file.write_text('[[token]]\nname = "a"\nrole = "root"\n')
    refused = prack("serve", "--port", "0", "--credentials", str(file))
    assert refused.returncode == 2
    expected = f"prack: {file}: token a: role: expected one of worker, operator, viewer"
    assert expected in refused.stderr
