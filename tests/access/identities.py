"""By what the cast is known, and how each of them shows it: a secret, a certificate, a token."""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.support.certificates import Authority, Issued
from tests.support.credentials import Credentials, hashed, secret
from tests.support.issuer import Issuer, table


@dataclass
class Secrets:
    """Everybody has a token of the file."""

    credentials: Credentials
    settings: dict[str, str] = field(default_factory=dict)
    scheme: str = "http"

    @classmethod
    def of(cls, folder: Path) -> "Secrets":
        """A new file with the whole cast."""
        return cls(Credentials.of(folder / "credentials", hashed))

    def token(self, name: str) -> str | None:
        """What somebody shows, if he does."""
        return secret(name)

    def fields(self, name: str) -> dict[str, str]:
        """The field that shows it."""
        token = self.token(name)
        return {"Authorization": f"Bearer {token}"} if token else {}

    def context(self, name: str) -> ssl.SSLContext | None:
        """With what somebody dials, over TLS."""
        return None

    def channel(self, name: str) -> grpc.ChannelCredentials | None:
        """The same over gRPC."""
        return None

    def is_named(self, name: str, principal: str) -> bool:
        """Whether that is what the gateway calls him."""
        return principal == name


@dataclass
class Jwts(Secrets):
    """Everybody has a token of an issuer, with his name as its subject."""

    issuer: Issuer = field(default_factory=Issuer)
    given: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Jwts":
        issuer = Issuer()
        (folder / "keys.json").write_text(issuer.jwks())
        file = Credentials.of(folder / "credentials", _by_subject, table("keys.json"))
        return cls(file, issuer=issuer)

    def token(self, name: str) -> str:
        return self.given.setdefault(name, self.issuer.token(name))

    def is_named(self, name: str, principal: str) -> bool:
        return principal.startswith(f"idp:{name}#")


@dataclass
class Certificates(Secrets):
    """Everybody has a certificate, and no token."""

    authority: Authority | None = None
    scheme: str = "https"
    issued: dict[str, Issued] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Certificates":
        authority = Authority(folder)
        shown = authority.issue("DNS:localhost", "IP:127.0.0.1", file="gateway")
        settings = {**shown.settings("api_tls"), "client_ca": str(authority.file)}
        file = Credentials.of(folder / "credentials", _by_name)
        return cls(file, settings, authority=authority)

    def token(self, name: str) -> None:
        return None

    def context(self, name: str) -> ssl.SSLContext:
        context, own = self._authority.client(), self._issued(name)
        context.load_cert_chain(own.cert, own.key)
        return context

    def channel(self, name: str) -> grpc.ChannelCredentials:
        own = self._issued(name)
        files = (self._authority.file, own.key, own.cert)
        return grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))

    def server(self) -> ssl.SSLContext:
        """What a server of the same authority shows."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.settings["api_tls_cert"], self.settings["api_tls_key"])
        return context

    @property
    def _authority(self) -> Authority:
        assert self.authority is not None
        return self.authority

    def _issued(self, name: str) -> Issued:
        if name not in self.issued:
            sans = f"DNS:Host-of-{name}.example", f"URI:{_uri(name)}"
            self.issued[name] = self._authority.issue(*sans, file=name)
        return self.issued[name]


def _by_subject(name: str) -> str:
    return f'issuer = "idp"\nclaims.sub = "{name}"'


def _by_name(name: str) -> str:
    """Some by a DNS name, some by a URI."""
    names = f"host-of-{name}.example", _uri(name)
    return f"certificate = {json.dumps(names[name == 'b'])}"


def _uri(name: str) -> str:
    return f"spiffe://example/{name}"


KINDS: dict[str, Callable[[Path], Secrets]] = {
    "secret": Secrets.of,
    "jwt": Jwts.of,
    "certificate": Certificates.of,
}
