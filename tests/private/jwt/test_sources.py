"""Where keys come from: a file that changes, and a server that is slow, wrong or away."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from prack_grpc.private.jwt import issuers, sources
from prack_grpc.private.jwt.keys import MAX_JWKS, BadKeys, Keys
from tests.support.certificates import Authority, Issued
from tests.support.issuer import AUDIENCE, URL, Issuer, JwksServer, jwks_server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs what the server shows."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def shown(authority: Authority) -> Issued:
    """What it shows."""
    return authority.issue("DNS:localhost")


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def server(issuer: Issuer, shown: Issued) -> AsyncIterator[JwksServer]:
    """Tells the keys of the issuer."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown.cert, shown.key)
    async with jwks_server(issuer.jwks(), context) as server:
        yield server


@pytest.fixture
async def remote(server: JwksServer, authority: Authority) -> AsyncIterator[Keys]:
    """What asks it."""
    keys = keys_at(server.url, authority.file)
    yield keys
    keys.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch may follow another at once."""
    monkeypatch.setattr(sources, "AGAIN", 0.01)


def keys_at(jwks: str, ca: Path | str = "", folder: Path = Path()) -> Keys:
    """The keys of an issuer that has them there."""
    return sources.keys(issuers.Issuer("idp", URL, AUDIENCE, jwks, str(ca)), folder)


def test_a_file_is_read_again_once_it_is_whole(issuer: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(issuer.jwks())
    keys = keys_at("keys.json", folder=tmp_path)
    first = keys.of("first")
    issuer.renew("second")
    whole = issuer.jwks()
    for text in (whole[:20], whole):
        path.write_text(text)
        keys.look()
        assert keys.of("second") is None
    keys.look()
    assert keys.of("second") is not None
    assert keys.of("first") is first


@pytest.mark.parametrize("text", ["{}", None])
def test_a_file_that_is_bad_later_changes_nothing_and_is_told(
    issuer: Issuer, tmp_path: Path, text: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(issuer.jwks())
    keys = keys_at("keys.json", folder=tmp_path)
    path.unlink()
    if text is not None:
        path.write_text(text)
    for _ in range(3):
        keys.look()
    assert keys.of("first") is not None
    (line,) = map(vars, caplog.records)
    assert (line["action"], line["issuer"]) == ("keys_unavailable", "idp")


@pytest.mark.parametrize(
    ("jwks", "ca", "said"),
    [
        ("none.json", "", "jwks: .*none.json: cannot read it: No such file"),
        ("bad.json", "", "jwks: .*bad.json: expected JSON"),
        ("https://x/", "none.pem", "ca: none.pem: No such file"),
        ("https://x/", "bad.json", "ca: bad.json: .*; expected authorities in PEM"),
    ],
)
def test_a_file_that_is_bad_at_the_start_is_an_error(
    tmp_path: Path, jwks: str, ca: str, said: str
) -> None:
    (tmp_path / "bad.json").write_text("x")
    with pytest.raises(BadKeys, match=said):
        keys_at(jwks, ca, tmp_path)


async def test_keys_of_a_server_are_fetched_at_the_first_look(
    server: JwksServer, remote: Keys
) -> None:
    assert remote.of("first") is None
    remote.look()
    await remote.ready()
    assert remote.of("first") is not None
    remote.look()
    assert server.asked == 1


async def test_keys_that_are_missed_are_fetched_but_not_for_each(
    quick: None, server: JwksServer, issuer: Issuer, remote: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.look()
    await remote.ready()
    issuer.renew("second")
    server.content = issuer.jwks()
    for _ in range(1000):
        remote.miss()
    await server.asked_again()
    monkeypatch.setattr(sources, "AGAIN", 60.0)
    while remote.of("second") is None:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(0)
    for _ in range(1000):
        remote.miss()
        await asyncio.sleep(0)
    assert server.asked == 2


async def test_keys_are_fetched_again_by_and_by(
    quick: None, server: JwksServer, remote: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "EVERY", 0.01)
    remote.look()
    await server.asked_again(3)
    assert remote.of("first") is not None


async def test_a_server_that_fails_is_asked_again_and_its_keys_go_on(
    quick: None,
    server: JwksServer,
    remote: Keys,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sources, "EVERY", 0.01)
    remote.look()
    await remote.ready()
    server.status = 503
    await server.asked_again(3)
    assert remote.of("first") is not None
    (line,) = map(vars, caplog.records)
    assert (line["action"], line["issuer"]) == ("keys_unavailable", "idp")
    assert line["reason"] == "expected status 200, got 503"


@pytest.mark.parametrize(
    "what", ["silent", "huge", "no http", "not there", "not trusted", "no name"]
)
async def test_a_server_that_is_of_no_use_is_left_in_time(
    server: JwksServer,
    authority: Authority,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sources, "LONGEST", 0.2)
    url, ca = server.url, str(authority.file)
    if what == "silent":
        server.silent = True
    elif what == "huge":
        server.content = " " * (MAX_JWKS + 1)
    elif what == "no http":
        server.status = 0
    elif what == "not there":
        url = "https://localhost:1/"
    elif what == "no name":
        url = f"https://{'x' * 64}.example/é"
    else:
        ca = ""
    async with AsyncExitStack() as stack:
        keys = keys_at(url, ca)
        stack.callback(keys.close)
        keys.look()
        await keys.ready()
        assert keys.of("first") is None
    (line,) = map(vars, caplog.records)
    assert line["action"] == "keys_unavailable"
    assert line["reason"]


def test_failures_make_it_ask_ever_more_rarely() -> None:
    assert [sources.pause(failures) for failures in range(9)] == [
        *(5, 10, 20, 40, 80, 160, 320),
        *(320, 320),
    ]
