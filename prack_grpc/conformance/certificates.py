"""Certificates for one run: an authority that workers are told to trust, and a stranger."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prack_grpc.conformance.case import Skipped

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1"
NEW = ("openssl", "req", "-x509", "-nodes", "-days", "2")
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate for localhost, its key, and the authority that signed it: files in PEM."""

    cert: Path
    key: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """For a server that shows it."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.cert, self.key)
        return context


class Certificates:
    """Made when first asked for, in this folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = asyncio.Lock()
        self._made: list[Shown] = []

    async def pair(self) -> tuple[Shown, Shown]:
        """The trusted one, and the stranger's. Raises Skipped without openssl."""
        async with self._lock:
            if not self._made:
                self._made = [await self._make("trusted"), await self._make("stranger")]
            trusted, stranger = self._made
            return trusted, stranger

    async def _make(self, who: str) -> Shown:
        ca, ca_key, cert, key = (
            self._folder / f"{who}{name}" for name in ("-ca.pem", "-ca.key", ".pem", ".key")
        )
        root = ("-addext", "basicConstraints=critical,CA:TRUE", "-subj", f"/CN=Kit {who}")
        await _openssl((*NEW, *KEY, *root, "-keyout", str(ca_key), "-out", str(ca)))
        signed = ("-CA", str(ca), "-CAkey", str(ca_key), "-addext", NAMES, "-subj", "/CN=localhost")
        await _openssl((*NEW, *KEY, *signed, "-keyout", str(key), "-out", str(cert)))
        return Shown(cert, key, ca)


class Changing:
    """TLS of a server that asks at each greeting whether to show the trusted certificate."""

    def __init__(self, pair: tuple[Shown, Shown], trusts: Callable[[], bool]) -> None:
        self._trusted, self._stranger = pair[0].context(), pair[1].context()
        self._trusts = trusts
        self.context = pair[0].context()
        self.context.sni_callback = self._choose

    def _choose(self, sock: ssl.SSLObject, _: str, __: ssl.SSLContext) -> None:
        sock.context = self._trusted if self._trusts() else self._stranger

    def is_stranger(self, writer: asyncio.StreamWriter) -> bool:
        """Whether this connection's peer was shown the stranger's certificate."""
        shown: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return shown.context is self._stranger


async def _openssl(command: Sequence[str]) -> None:
    quiet = asyncio.subprocess.DEVNULL
    try:
        made = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet)
    except OSError as error:
        raise Skipped(f"openssl, which makes the certificates, cannot be run: {error}") from None
    if await made.wait():
        raise Skipped("openssl 3 or newer, which makes the certificates, is not here")
