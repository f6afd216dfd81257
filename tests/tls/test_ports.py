"""What each port agrees to in a TLS handshake; test_table.py has what it refuses."""

import asyncio
import socket
import ssl

import pytest

from tests.conftest import Gateway, Start
from tests.support.certificates import Authority

PORTS = ("port", "api_port", "admin_port", "grpc_port")
HTTP = PORTS[:3]
EACH = pytest.mark.parametrize("name", PORTS)


@pytest.fixture
async def gateway(start: Start, authority: Authority) -> Gateway:
    """A gateway with two certificates on every port; the first comes by an intermediate one."""
    first = authority.intermediate().issue("DNS:one.example", "IP:127.0.0.1")
    second = authority.issue("DNS:two.example", "DNS:*.two.example")
    both = {
        f"{kind}_{part}": f"{getattr(first, part)},{getattr(second, part)}"
        for kind in ("tls", "api_tls")
        for part in ("cert", "key")
    }
    return await start(**both)


async def greet(port: int, context: ssl.SSLContext, name: str = "one.example") -> ssl.SSLObject:
    """A handshake with this port, as a client that asks for this name."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(
        asyncio.Protocol, "127.0.0.1", port, ssl=context, server_hostname=name
    )
    agreed: ssl.SSLObject = transport.get_extra_info("ssl_object")
    transport.abort()
    return agreed


def only(authority: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks this version only."""
    context = authority.client()
    context.minimum_version = context.maximum_version = version
    return context


@EACH
async def test_tls_1_2_and_1_3_are_spoken(
    gateway: Gateway, authority: Authority, name: str
) -> None:
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        agreed = await greet(getattr(gateway, name), only(authority, version))
        assert agreed.version() == version.name.replace("_", ".")


@EACH
async def test_the_chain_comes_with_the_certificate(
    gateway: Gateway, authority: Authority, name: str
) -> None:
    agreed = await greet(getattr(gateway, name), authority.client(), "127.0.0.1")
    assert (agreed.getpeercert() or {})["issuer"] == ((("commonName", "Test Intermediate"),),)


@EACH
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("one.example", "one.example"),
        ("two.example", "two.example"),
        ("WWW.Two.example", "two.example"),
    ],
)
async def test_the_certificate_is_that_of_the_name(
    gateway: Gateway, authority: Authority, name: str, asked: str, shown: str
) -> None:
    agreed = await greet(getattr(gateway, name), authority.client(), asked)
    assert ("DNS", shown) in (agreed.getpeercert() or {})["subjectAltName"]


@EACH
@pytest.mark.parametrize("asked", ["three.example", "a.b.two.example"])
async def test_a_name_of_no_certificate_gets_the_first(
    gateway: Gateway, authority: Authority, name: str, asked: str
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
        await greet(getattr(gateway, name), authority.client(), asked)
    context = authority.client()
    context.check_hostname = False
    agreed = await greet(getattr(gateway, name), context, asked)
    assert ("DNS", "one.example") in (agreed.getpeercert() or {})["subjectAltName"]


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("offered", [["h2", "http/1.1"], ["h2"], []])
async def test_http_1_1_is_agreed_on_if_it_is_offered(
    gateway: Gateway, authority: Authority, name: str, offered: list[str]
) -> None:
    context = authority.client()
    context.set_alpn_protocols(offered)
    agreed = await greet(getattr(gateway, name), context)
    expected = "http/1.1" if "http/1.1" in offered else None
    assert agreed.selected_alpn_protocol() == expected


async def test_grpc_agrees_on_http_2(gateway: Gateway, authority: Authority) -> None:
    context = authority.client()
    context.set_alpn_protocols(["h2"])
    agreed = await greet(gateway.grpc_port, context)
    assert agreed.selected_alpn_protocol() == "h2"


@pytest.mark.parametrize("name", HTTP)
@pytest.mark.parametrize("asked", ["one.example", "two.example"])
async def test_sessions_are_resumed(
    gateway: Gateway, authority: Authority, name: str, asked: str
) -> None:
    port, context = getattr(gateway, name), authority.client()
    first, was_resumed = await asyncio.to_thread(session, port, context, asked)
    _, is_resumed = await asyncio.to_thread(session, port, context, asked, first)
    assert (was_resumed, is_resumed) == (False, True)


def session(
    port: int, context: ssl.SSLContext, name: str, known: ssl.SSLSession | None = None
) -> tuple[ssl.SSLSession | None, bool | None]:
    """The session of a connection, which in TLS 1.3 comes with its first answer."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        with context.wrap_socket(plain, server_hostname=name, session=known) as sock:
            sock.sendall(b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            while sock.recv(4096):
                pass
            return sock.session, sock.session_reused
