"""What each port agrees to over TLS: `make tls-table`, or `python -m scripts.tls_table`.

Starts a gateway with two certificates on every port, and asks each as clients do that know more or
less than others. What no library speaks any more is asked with a first message written by hand.
"""

import re
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bench.markdown import table
from tests.acceptance.processes import launching
from tests.acceptance.reloads import reload_under_load
from tests.support.certificates import Authority, Issued
from tests.support.tools import needed

SECONDS, RELOADS = 10.0, 10
# Versions as they are on the wire (RFC 8446 appendix D, RFC 6101).
VERSIONS = {
    "SSL 3.0": 0x300,
    "TLS 1.0": 0x301,
    "TLS 1.1": 0x302,
    "TLS 1.2": 0x303,
    "TLS 1.3": 0x304,
}
SERVER_HELLO, HANDSHAKE = 2, 22
CURVES, SIGNATURES = (29, 23, 24), (0x403, 0x503, 0x603, 0x804, 0x805, 0x806, 0x401, 0x203, 0x201)
# Extensions (RFC 8446 section 4.2).
GROUPS, FORMATS, ALGORITHMS, SUPPORTED, SHARES = 10, 11, 13, 43, 51
NAMES = ("one.example", "two.example", "other.example")


def suites() -> dict[int, str]:
    """All that this machine's OpenSSL knows, by their numbers."""
    command = (needed("openssl", "openssl"), "ciphers", "-V", "ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"0x(..),0x(..) - (\S+)", listing)
    return {int(high + low, 16): name for high, low, name in found}


def hello(version: int, offered: Iterable[int]) -> bytes:
    """A client's first message that knows this version only, and these suites."""
    vector = b"".join(struct.pack("!H", one) for one in offered)
    parts = {
        GROUPS: _vector("!H", b"".join(struct.pack("!H", one) for one in CURVES)),
        FORMATS: b"\1\0",
        ALGORITHMS: _vector("!H", b"".join(struct.pack("!H", one) for one in SIGNATURES)),
    }
    if version == VERSIONS["TLS 1.3"]:
        parts |= {SUPPORTED: _vector("!B", struct.pack("!H", version)), SHARES: b"\0\0"}
    extensions = b"".join(
        struct.pack("!H", kind) + _vector("!H", one) for kind, one in parts.items()
    )
    least = min(version, VERSIONS["TLS 1.2"])
    body = struct.pack("!H", least) + bytes(32) + b"\0" + _vector("!H", vector) + b"\1\0"
    body += _vector("!H", extensions) if version > VERSIONS["SSL 3.0"] else b""
    message = b"\1" + len(body).to_bytes(3) + body
    return struct.pack("!BH", HANDSHAKE, min(version, 0x301)) + _vector("!H", message)


def _vector(size: str, data: bytes) -> bytes:
    return struct.pack(size, len(data)) + data


def chosen(port: int, version: int, offered: Iterable[int]) -> int | None:
    """The suite that the port chooses of these, in this version; None if it refuses."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as sock:
        sock.sendall(hello(version, offered))
        with sock.makefile("rb") as answer:
            head = answer.read(5)
            body = answer.read(int.from_bytes(head[3:])) if head[:1] == bytes((HANDSHAKE,)) else b""
    if body[:1] != bytes((SERVER_HELLO,)):
        return None
    session = body[38]
    return int.from_bytes(body[39 + session : 41 + session])


def accepted(port: int, version: int, known: Mapping[int, str]) -> Iterator[str]:
    """The suites that the port takes in this version, by the order in which it chose them."""
    left = dict(known)
    while (suite := chosen(port, version, left)) is not None:
        yield left.pop(suite)


def shown(port: int, name: str) -> str:
    """The name in the certificate that a client gets who asks for this one."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    pem = _agreed(port, context, name)[0]
    command = (needed("openssl", "openssl"), "x509", "-noout", "-subject", "-nameopt", "multiline")
    said = subprocess.run(command, input=pem, capture_output=True, text=True, check=True).stdout
    return said.rpartition("= ")[2].strip()


def _agreed(port: int, context: ssl.SSLContext, name: str) -> tuple[str, str | None]:
    """A certificate in PEM, and the protocol of ALPN."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as plain:
        with context.wrap_socket(plain, server_hostname=name) as sock:
            der = sock.getpeercert(binary_form=True) or b""
            return ssl.DER_cert_to_PEM_cert(der), sock.selected_alpn_protocol()


def alpn(port: int, authority: Authority, offered: list[str]) -> str:
    """The protocol that is agreed on, of these; with the chain of the first certificate checked."""
    context = authority.client()
    context.set_alpn_protocols(offered)
    return _agreed(port, context, NAMES[0])[1] or "none"


def chain(port: int) -> int:
    """How many certificates come."""
    command = (needed("openssl", "openssl"), "s_client", "-showcerts", "-connect")
    words = (*command, f"127.0.0.1:{port}", "-servername", NAMES[0])
    said = subprocess.run(words, input="", capture_output=True, text=True, timeout=SECONDS).stdout
    return said.count("-----BEGIN CERTIFICATE-----")


def look(port: int, authority: Authority) -> dict[str, str]:
    """What a port agrees to, a row each."""
    known = suites()
    taken = {name: list(accepted(port, number, known)) for name, number in VERSIONS.items()}
    rows = {name: "accepted" if found else "refused" for name, found in taken.items()}
    rows |= {f"suites of {name}": ", ".join(sorted(one)) for name, one in taken.items() if one}
    rows["certificates in the chain"] = str(chain(port))
    rows |= {f"asked for {name}": shown(port, name) for name in NAMES}
    rows["ALPN of h2, http/1.1"] = alpn(port, authority, ["h2", "http/1.1"])
    return rows


def certificates(authority: Authority) -> list[Issued]:
    """Those that `look` expects; the first comes by an intermediate authority."""
    first = authority.intermediate().issue(f"DNS:{NAMES[0]}")
    return [first, authority.issue(f"DNS:{NAMES[1]}")]


def main() -> int:
    """Print the table; returns the exit status."""
    with tempfile.TemporaryDirectory() as name, launching(Path(name)) as launch:
        authority = Authority(Path(name))
        both = certificates(authority)
        certs, keys = (
            ",".join(str(getattr(one, part)) for one in both) for part in ("cert", "key")
        )
        flags = [(f"--{kind}-cert", certs, f"--{kind}-key", keys) for kind in ("tls", "api-tls")]
        gateway = launch.gateway(*flags[0], *flags[1])
        ports = dict(zip(("public", "REST", "gRPC"), gateway.ports, strict=True))
        ports["admin"] = gateway.admin_port
        found = {name: look(port, authority) for name, port in ports.items()}
        load = reload_under_load(launch, authority, RELOADS)
    rows = [[row, *(one[row] for one in found.values())] for row in found["public"]]
    print(table(("", *found), rows))
    print(f"{RELOADS} reloads under load: {load.answered} requests, {len(load.failures)} failed")
    return 1 if load.failures else 0


if __name__ == "__main__":
    sys.exit(main())
