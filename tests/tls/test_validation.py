"""An authority that looks for a proof by TLS, beside clients that want the certificate."""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509

from prack_grpc.acme.signed import ACME_IDENTIFIER, self_signed
from prack_grpc.tls.validation import PROTOCOL, is_validation, prove, proving

NAME = "shop.example"
PROOF = "token.thumbprint"


def hello(*protocols: str) -> bytes:
    """The first record of a client that offers these protocols."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(list(protocols))
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        context.wrap_bio(down, up, server_hostname=NAME).do_handshake()
    return up.read()


@contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection, the first as the gateway has it."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        theirs = socket.create_connection(listening.getsockname())
        ours, _ = listening.accept()
    with ours, theirs:
        theirs.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours.setblocking(False)
        yield ours, theirs


@pytest.mark.parametrize(("protocol", "expected"), [(PROTOCOL, True), ("http/1.1", False)])
async def test_the_first_record_is_waited_for_and_left_there(protocol: str, expected: bool) -> None:
    record = hello(protocol)
    with connected() as (ours, theirs):
        looking = asyncio.create_task(is_validation(ours))
        for start, end in pairwise((0, 3, 40, len(record) - 1)):
            theirs.send(record[start:end])
            for _ in range(5):
                await asyncio.sleep(0)
            assert not looking.done()
        theirs.send(record[-1:])
        assert await looking is expected
        assert ours.recv(len(record) + 1) == record


async def test_a_client_that_leaves_is_no_authority() -> None:
    with connected() as (ours, theirs):
        theirs.send(hello(PROTOCOL)[:100])
        theirs.close()
        assert await is_validation(ours) is False


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    """Where an authority is shown the proof of NAME."""
    file = tmp_path / "proof.pem"
    file.write_text(self_signed([NAME], PROOF))
    context = proving()
    context.load_cert_chain(file)
    failed: list[OSError] = []

    async def greet(listening: socket.socket) -> None:
        sock, _ = await asyncio.get_running_loop().sock_accept(listening)
        with sock:
            try:
                await prove(sock, {NAME: context}, 5.0)
            except OSError as error:
                failed.append(error)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        greeting = asyncio.create_task(greet(listening))
        yield listening.getsockname()[1]
        await greeting


def looking(protocol: str = PROTOCOL) -> ssl.SSLContext:
    """What an authority looks with: it trusts nobody."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols([protocol])
    return context


async def test_the_proof_is_shown_and_the_connection_ends(port: int) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=looking(), server_hostname=NAME
    )
    tls = writer.get_extra_info("ssl_object")
    assert tls.selected_alpn_protocol() == PROTOCOL
    shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value == x509.SubjectAlternativeName([x509.DNSName(NAME)])
    proof = shown.extensions.get_extension_for_oid(ACME_IDENTIFIER)
    digest = b"\x04\x20" + hashlib.sha256(PROOF.encode()).digest()
    assert (proof.critical, proof.value.public_bytes()) == (True, digest)
    assert await reader.read() == b""
    writer.close()


async def test_another_name_is_refused(port: int) -> None:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(
            "127.0.0.1", port, ssl=looking(), server_hostname="other.example"
        )
