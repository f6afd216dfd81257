"""The table of `make tls-table`: what each port agrees to, and that it would show what is weak."""

import asyncio
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress

import pytest

from scripts.tls_table import VERSIONS, accepted, certificates, look, suites
from tests.conftest import Start
from tests.support.certificates import Authority, Issued

# Those of Mozilla's intermediate set for a key on a curve.
OLDER = ", ".join(
    f"ECDHE-ECDSA-{one}" for one in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
)
NEWEST = "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256"
PORTS = {
    "port": (OLDER, "http/1.1"),
    "api_port": (OLDER, "http/1.1"),
    "grpc_port": (OLDER, "h2"),
    "admin_port": (OLDER, "http/1.1"),
}


@pytest.mark.parametrize(("name", "expected"), PORTS.items())
async def test_a_port_agrees_to_this_and_nothing_else(
    start: Start, authority: Authority, name: str, expected: tuple[str, str]
) -> None:
    both = certificates(authority)
    files = {
        f"{kind}_{part}": ",".join(str(getattr(one, part)) for one in both)
        for kind in ("tls", "api_tls")
        for part in ("cert", "key")
    }
    gateway = await start(**files)
    assert await asyncio.to_thread(look, getattr(gateway, name), authority) == {
        "SSL 3.0": "refused",
        "TLS 1.0": "refused",
        "TLS 1.1": "refused",
        "TLS 1.2": "accepted",
        "TLS 1.3": "accepted",
        "suites of TLS 1.2": expected[0],
        "suites of TLS 1.3": NEWEST,
        "certificates in the chain": "2",
        "asked for one.example": "one.example",
        "asked for two.example": "two.example",
        "asked for other.example": "one.example",
        "ALPN of h2, http/1.1": expected[1],
    }


@pytest.fixture
def weak(shown: Issued) -> Iterator[int]:
    """The port of a server that takes whatever its OpenSSL can do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(shown.cert, shown.key)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1

    def serve() -> None:
        with suppress(OSError):
            while True:
                sock, _ = listening.accept()
                with sock, suppress(OSError):
                    context.wrap_socket(sock, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_what_is_weak_is_seen(weak: int) -> None:
    known = suites()
    taken = {name: set(accepted(weak, number, known)) for name, number in VERSIONS.items()}
    assert "ECDHE-ECDSA-AES128-SHA" in taken["TLS 1.0"] & taken["TLS 1.1"] & taken["TLS 1.2"]
    assert "ECDHE-ECDSA-NULL-SHA" in taken["TLS 1.2"]
