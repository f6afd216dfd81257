"""Credentials of NATS: an operator, an account, and users with a seed and a token of theirs."""

import base64
import json
import secrets
from pathlib import Path
from typing import Any

import nkeys

ALL = -1


class Key:
    """A key pair of one role."""

    def __init__(self, role: int) -> None:
        self.seed: bytes = nkeys.encode_seed(secrets.token_bytes(32), role)
        self._pair = nkeys.from_seed(bytearray(self.seed))
        self.public: str = self._pair.public_key.decode()

    def token(self, subject: str, **claims: Any) -> str:
        """What it says of the owner of this public key (a JWT of NATS, version 2)."""
        about = {"jti": secrets.token_hex(16), "iat": 1, "iss": self.public, "sub": subject}
        about |= {"name": "test", "nats": {"version": 2, **claims}}
        parts = [_part({"typ": "JWT", "alg": "ed25519-nkey"}), _part(about)]
        signature = self._pair.sign(".".join(parts).encode())
        return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class Account:
    """An account whose users have credentials files; `config` is for the server."""

    def __init__(self) -> None:
        operator = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._key = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        limits = dict.fromkeys(("subs", "data", "payload", "imports", "exports", "conn"), ALL)
        own = operator.token(self._key.public, type="account", limits=limits)
        self.config = (
            f"operator: {operator.token(operator.public, type='operator')}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {self._key.public}: {own} }}\n"
        )

    def user(self, file: Path) -> Path:
        """A credentials file of a new user."""
        key = Key(nkeys.PREFIX_BYTE_USER)
        limits = dict.fromkeys(("subs", "data", "payload"), ALL)
        token = self._key.token(key.public, type="user", pub={}, sub={}, **limits)
        file.write_text(
            f"-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{key.seed.decode()}\n------END USER NKEY SEED------\n"
        )
        return file
