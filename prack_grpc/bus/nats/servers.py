"""Which NATS servers there are, and who we are to them."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nkeys

CREDS = re.compile(r"BEGIN NATS USER JWT-+\n\S+\n.*BEGIN USER NKEY SEED-+\n(\S+)\n", re.DOTALL)
CREDS_EXPECTED = "expected a credentials file of NATS: a JWT and a seed, each behind its BEGIN line"
SEED_EXPECTED = "expected the seed of a user's nkey, such as SUAM..."


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
        """What nats-py takes of it. Raises OSError (also ssl.SSLError), ValueError.

        It would look for a JWT for ever, and say of a seed only that it is none.
        """
        if self.creds is not None:
            found = CREDS.search(self.creds.read_text("ascii", errors="replace"))
            if found is None:
                raise ValueError(f"--nats-creds: {CREDS_EXPECTED}")
            _check("--nats-creds", found[1])
        if self.nkey is not None:
            _check("--nats-nkey", self.nkey.read_text("ascii", errors="replace").strip())
        given = {
            "user": self.user,
            "password": _secret(self.password_file),
            "token": _secret(self.token_file),
            "user_credentials": self.creds and str(self.creds),
            "nkeys_seed": self.nkey and str(self.nkey),
            "tls": self._tls(),
        }
        return {name: value for name, value in given.items() if value is not None}

    def _tls(self) -> ssl.SSLContext | None:
        if not (self.ca or self.cert or any(url.startswith("tls:") for url in self.urls)):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except ssl.SSLError as error:
            raise ValueError(f"--nats-ca: expected certificates as PEM: {error}") from None
        try:
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except ssl.SSLError as error:
            expected = "expected a certificate and its key as PEM"
            raise ValueError(f"--nats-cert: {expected}: {error}") from None
        return context


def _check(flag: str, seed: str) -> None:
    try:
        nkeys.from_seed(bytearray(seed, "ascii", errors="replace"))
    except (nkeys.NkeysError, ValueError):
        raise ValueError(f"{flag}: {SEED_EXPECTED}") from None


def _secret(file: Path | None) -> str | None:
    return None if file is None else file.read_text(encoding="utf-8").strip()
