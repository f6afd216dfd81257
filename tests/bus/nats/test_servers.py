"""Servers that ask who somebody is, and that say no."""

from collections.abc import Callable
from pathlib import Path

import nkeys
import pytest

from prack_grpc.bus.nats.servers import Servers
from tests.acceptance.processes import Launcher
from tests.bus.nats.party import connected, trouble, until
from tests.support.certificates import Authority
from tests.support.nats_accounts import Account, Key
from tests.support.nats_servers import NatsServers

Configured = Callable[[str], tuple[str, ...]]


@pytest.fixture
def configured(launch: Launcher, tmp_path: Path) -> Configured:
    """Starts a server with this configuration; returns its URLs."""

    def start(config: str) -> tuple[str, ...]:
        file = tmp_path / "nats.conf"
        file.write_text(config)
        return NatsServers(launch, tmp_path, 1, "-c", str(file)).urls

    return start


async def test_a_user_with_a_password(configured: Configured, tmp_path: Path) -> None:
    urls = configured('authorization { user: "prack", password: "secret word" }')
    file = tmp_path / "password"
    file.write_text("wrong\n")
    servers = Servers(urls, user="prack", password_file=file)
    assert "Authorization Violation" in await trouble(servers)
    file.write_text("secret word\n")  # it is read at each connection
    async with connected(servers):
        pass


async def test_a_token(configured: Configured, tmp_path: Path) -> None:
    urls = configured('authorization { token: "a-token" }')
    assert "Authorization Violation" in await trouble(Servers(urls))
    file = tmp_path / "token"
    file.write_text("a-token\n")
    async with connected(Servers(urls, token_file=file)):
        pass


async def test_a_seed(configured: Configured, tmp_path: Path) -> None:
    key = Key(nkeys.PREFIX_BYTE_USER)
    urls = configured(f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    file = tmp_path / "seed"
    file.write_bytes(key.seed)
    async with connected(Servers(urls, nkey=file)):
        pass


async def test_a_credentials_file(configured: Configured, tmp_path: Path) -> None:
    account = Account()
    urls = configured(account.config)
    stranger = Account().user(tmp_path / "stranger.creds")
    assert "Authorization Violation" in await trouble(Servers(urls, creds=stranger))
    async with connected(Servers(urls, creds=account.user(tmp_path / "user.creds"))):
        pass


async def test_certificates_of_both(configured: Configured, tmp_path: Path) -> None:
    ca = Authority(tmp_path)
    server, own = ca.issue("IP:127.0.0.1", file="server"), ca.issue(file="own", subject="prack")
    files = f'cert_file: "{server.cert}", key_file: "{server.key}", ca_file: "{ca.file}"'
    urls = configured(f"tls {{ {files}, verify: true }}")
    assert "certificate verify failed" in await trouble(Servers(urls))
    assert await trouble(Servers(urls, ca=ca.file))
    async with connected(Servers(urls, ca=ca.file, cert=own.cert, key=own.key)):
        pass


async def test_a_file_that_is_not_there(server: NatsServers, tmp_path: Path) -> None:
    assert "No such file" in await trouble(Servers(server.urls, token_file=tmp_path / "token"))


async def test_a_server_that_takes_only_small_messages(configured: Configured) -> None:
    told = await trouble(Servers(configured("max_payload: 32KB")))
    assert told == "max_payload of the NATS server is 32768: set it to 66560 or more"


async def test_no_server(server: NatsServers) -> None:
    server.kill(0)
    assert "Connect call failed" in await trouble(Servers(server.urls))


async def test_what_its_user_may_not_do_is_told(
    configured: Configured, caplog: pytest.LogCaptureFixture
) -> None:
    may = 'permissions: { subscribe: "prack.tests.>", publish: "prack.tests.hello" }'
    user = f"{{ user: u, password: p, {may} }}"
    urls = configured(f"authorization {{ users: [ {user} ] }}, no_auth_user: u")
    async with connected(Servers(urls)) as client:
        await client.publish("prack.tests.to.aaaaaaaa", b"")
        await client.flush()
        await until(lambda: "give it the permission" in caplog.text)
    [record] = [one for one in caplog.records if "permission" in one.message]
    assert 'publish to "prack.tests.to.aaaaaaaa"' in str(record.__dict__["reason"])
