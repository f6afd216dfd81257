"""An issuer of tokens that exists for one test only, and the server that tells its keys."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

URL = "https://issuer.example"
AUDIENCE = "prack"
MAKERS: dict[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


class Issuer:
    """Signs with the key that it has made last, and has one at first."""

    def __init__(self, algorithm: str = "ES256") -> None:
        self.keys: dict[str, tuple[str, Any]] = {}
        self.renew("first", algorithm)

    def renew(self, kid: str, algorithm: str = "ES256") -> None:
        """Make another key, beside the old ones."""
        self.keys[kid] = algorithm, MAKERS[algorithm]()

    def public(self) -> list[dict[str, Any]]:
        """Its public keys, each as a JWK."""
        return [
            get_default_algorithms()[name].to_jwk(key.public_key(), as_dict=True) | {"kid": kid}
            for kid, (name, key) in self.keys.items()
        ]

    def jwks(self) -> str:
        """Its public keys, as a JWK set."""
        return json.dumps({"keys": self.public()})

    def token(self, sub: str = "a", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for a minute; a claim or a header that is None is left out."""
        kid, (algorithm, key) = list(self.keys.items())[-1]
        about = {"iss": URL, "aud": AUDIENCE, "sub": sub, "exp": time.time() + 60.0, **claims}
        shown = {"kid": kid, **(headers or {})}
        content = json.dumps(without_none(about)).encode()
        return jwt.PyJWS().encode(content, key, algorithm, headers=without_none(shown))


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    """Those with a value."""
    return {name: value for name, value in members.items() if value is not None}


def table(jwks: object, **more: str) -> str:
    """What a credentials file says of it."""
    members = {"name": "idp", "issuer": URL, "audience": AUDIENCE, "jwks": str(jwks), **more}
    lines = (f"{name} = {json.dumps(value)}" for name, value in members.items())
    return "\n".join(["[[issuer]]", *lines, ""])


@dataclass
class JwksServer:
    """Tells `content`, or does what else it is told to. `asked` counts the connections."""

    content: str
    status: int = 200
    silent: bool = False
    asked: int = 0
    url: str = ""
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def asked_again(self, times: int = 1) -> None:
        """Wait until it was asked so many times more."""
        until = self.asked + times
        async with self.changed:
            await self.changed.wait_for(lambda: self.asked >= until)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        await reader.readuntil(b"\r\n\r\n")
        async with self.changed:
            self.asked += 1
            self.changed.notify_all()
        if self.silent:
            await reader.read()  # until the client has had enough
        else:
            body = self.content.encode()
            head = f"HTTP/1.1 {self.status} X\r\ncontent-length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + body)
        writer.close()


@asynccontextmanager
async def jwks_server(content: str, context: ssl.SSLContext) -> AsyncIterator[JwksServer]:
    """A server of keys, over TLS."""
    found = JwksServer(content)
    async with await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context) as server:
        found.url = f"https://localhost:{server.sockets[0].getsockname()[1]}/jwks?x=1"
        yield found
