"""One certificate with its key, ready to be shown (RFC 8446, RFC 5246)."""

import fnmatch
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Mozilla's intermediate set for TLS 1.2, without the DHE suites that need parameters of their own.
# Those of TLS 1.3 are all good.
CIPHERS = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        "ECDHE-RSA-CHACHA20-POLY1305",
    )
)
HTTP, GRPC = ("http/1.1",), ("h2",)
# OpenSSL's X509_V_FLAG_NO_CHECK_TIME: whether it is an old one is for others to say, in words.
ANY_TIME = 0x200000
FLIGHTS = 4  # of a handshake, at most


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate: its context, the names that it is for, and until when, as it says."""

    context: ssl.SSLContext
    names: tuple[str, ...]
    until: str

    @property
    def end(self) -> float:
        """That moment in Unix time. Raises ValueError."""
        return float(ssl.cert_time_to_seconds(self.until))

    def is_for(self, name: str) -> bool:
        """Whether a client that asks for this name takes it (RFC 6125 section 6.4.3)."""
        return any(
            fnmatch.fnmatchcase(name, own.lower()) and name.count(".") == own.count(".")
            for own in self.names
        )


def shown(cert: Path, key: Path, protocols: Sequence[str] = HTTP) -> Shown:
    """The certificate of these files, for who speaks one of these protocols (RFC 7301).

    Raises OSError (of which ssl.SSLError is one), ValueError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols(protocols)
    # Without a password OpenSSL would ask for one on the terminal.
    context.load_cert_chain(cert, key, password="")
    about = _seen_by_a_client(context, cert)
    names = tuple(value for _, value in about.get("subjectAltName", ()))
    return Shown(context, names, about["notAfter"])


def demand(context: ssl.SSLContext, client_ca: Path) -> None:
    """Clients must show a certificate that one of these authorities has signed. Raises OSError."""
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_REQUIRED


def _seen_by_a_client(context: ssl.SSLContext, cert: Path) -> Mapping[str, Any]:
    """What a client that trusts exactly this certificate reads of it.

    A handshake in memory also shows that certificate and key can serve. Raises ssl.SSLError.
    """
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cert)
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ANY_TIME
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = client.wrap_bio(down, up), context.wrap_bio(up, down, server_side=True)
    for _ in range(FLIGHTS):
        for end in ends:
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
    return ends[0].getpeercert() or {}
