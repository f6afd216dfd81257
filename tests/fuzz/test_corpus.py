"""What fuzzing starts from, and what it once found, breaks nothing."""

import socket
from pathlib import Path

import pytest
from starlette.types import Scope

import fuzz.targets
from fuzz.clock import Found
from fuzz.replay import main
from prack_grpc.core.http.message import Request
from prack_grpc.core.worker import TRUSTED, Principal
from prack_grpc.gateway.proxy_protocol import Address, Proxies
from prack_grpc.gateway.request.forwarding import Forwarding
from prack_grpc.private.callers import Callers, Shown
from prack_grpc.settings.loading import SettingsError
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import BadCertificate, Certificates
from prack_grpc.tls.handshakes import Handshakes

FOLDER = Path(fuzz.targets.__file__).parent
TARGETS = sorted(file.stem for file in FOLDER.glob("[a-z]*.py"))
CORPUS = FOLDER.parent / "corpus"


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_breaks(target: str) -> None:
    files = sorted(map(str, (CORPUS / target).iterdir()))
    assert files
    main(target, *files)


class Broken(Forwarding):
    """Has a bug in the way of every request."""

    def request(self, scope: Scope) -> Request:
        """See Forwarding."""
        raise ZeroDivisionError


@pytest.mark.parametrize("target", ["front", "proxied", "rest", "stream", "websocket"])
def test_a_bug_is_found(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fuzz.gateway.Forwarding", Broken)
    with pytest.raises((AssertionError, Found)):
        main(target, *map(str, (CORPUS / target).iterdir()))


class Misled(Proxies):
    """Takes every client for another."""

    async def client(self, sock: socket.socket, peer: Address) -> Address | None:
        """See Proxies."""
        return await super().client(sock, peer) and ("192.0.2.99", 1)


class Stuck(Handshakes):
    """Leaves clients alone."""

    async def greet(self, sock: socket.socket, peer: Address) -> None:
        """See Handshakes."""


class Open(Callers):
    """Admits everybody."""

    def admits(self, shown: Shown) -> Principal | None:
        """See Callers."""
        return TRUSTED


class Vague(Certificates):
    """Does not say which file is bad."""

    def __init__(self, settings: Settings, name: str) -> None:
        raise BadCertificate("a file cannot be used")


def vague(*_: object) -> Settings:
    """Does not say which setting is wrong."""
    raise SettingsError(["something is wrong"])


@pytest.mark.parametrize(
    ("target", "part", "broken"),
    [
        ("proxied", "fuzz.gateway.Proxies", Misled),
        ("greeting", "fuzz.gateway.Handshakes", Stuck),
        ("credentials", "fuzz.targets.credentials.Callers", Open),
        ("certificates", "fuzz.targets.certificates.Certificates", Vague),
        ("settings", "fuzz.targets.settings.load", vague),
    ],
)
def test_what_is_wrong_at_the_edge_is_found(
    target: str, part: str, broken: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part, broken)
    with pytest.raises(Found):
        main(target, *map(str, (CORPUS / target).iterdir()))
