"""Which NATS servers there are, and who we are to them."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of one NATS cluster and our credentials there; files are read at each connection.

    Attributes:
        urls: nats://host:port, or tls://host:port.
        creds: a credentials file of NATS: a JWT and its seed.
        nkey: a file with the seed alone.
        ca: authorities, as PEM, that must have signed the certificates of the servers.
        cert, key: our own certificate.
    """

    urls: tuple[str, ...]
    user: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    creds: Path | None = None
    nkey: Path | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def options(self) -> dict[str, Any]:
        """What nats-py takes of it. Raises OSError (also ssl.SSLError), ValueError."""
        found = {
            "user": self.user,
            "password": _secret(self.password_file),
            "token": _secret(self.token_file),
            "user_credentials": self.creds and str(self.creds),
            "nkeys_seed": self.nkey and str(self.nkey),
            "tls": self._tls(),
        }
        return {name: value for name, value in found.items() if value is not None}

    def _tls(self) -> ssl.SSLContext | None:
        if not (self.ca or self.cert or any(url.startswith("tls:") for url in self.urls)):
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


def _secret(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8").strip()
