"""The PROXY protocol: its headers as bytes, and what becomes of connections that begin with one."""

import asyncio
import ipaddress
import json
import logging
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.proxy_protocol import (
    LONGEST,
    LONGEST_LINE,
    SIGNATURE,
    Address,
    BadHeader,
    missing,
    parse,
)
from tests.conftest import Gateway, Start
from tests.gateway.http.test_admission import client_from, welcome
from tests.support.client import RawClient
from tests.support.frames import open_socket
from tests.support.scripted_worker import connect

TRUSTED = "127.0.0.1/32"
LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n"
CLIENT = ("192.0.2.7", 4711)


def binary(command: int, family: int, rest: bytes, size: int | None = None) -> bytes:
    """A header of version 2, with a wrong `size` if need be."""
    length = len(rest) if size is None else size
    return SIGNATURE + struct.pack("!BBH", command, family, length) + rest


def tcp4(tlvs: bytes = b"", command: int = 0x21) -> bytes:
    """Version 2 for CLIENT."""
    packed = ipaddress.IPv4Address(CLIENT[0]).packed
    return binary(command, 0x11, packed + bytes(4) + struct.pack("!HH", CLIENT[1], 80) + tlvs)


def tcp6(address: str, port: int) -> bytes:
    """Version 2 for this client."""
    packed = ipaddress.IPv6Address(address).packed
    return binary(0x21, 0x21, packed + bytes(16) + struct.pack("!HH", port, 80))


NAMED: list[tuple[bytes, Address | None]] = [
    (LINE, CLIENT),
    (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", ("0.0.0.0", 0)),
    (b"PROXY TCP6 2001:DB8::1 ::1 65535 1\r\n", ("2001:db8::1", 65535)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 anything else\r\n", None),
    (b"PROXY TCP6 " + b" ".join([b"ffff" + b":ffff" * 7] * 2) + b" 65535 65535\r\n",
     ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535)),
    (tcp4(), CLIENT),
    (tcp4(tlvs=b"\x04\x00\x05hello"), CLIENT),
    (tcp4(tlvs=bytes(LONGEST - 28)), CLIENT),
    (tcp6("2001:db8::1", 65535), ("2001:db8::1", 65535)),
    (tcp4(command=0x20), None),
    (binary(0x20, 0xFF, b""), None),
    (binary(0x21, 0x00, b"ignored"), None),
    (binary(0x21, 0x12, bytes(12)), None),
    (binary(0x21, 0x31, bytes(216)), None),
]  # fmt: skip
BAD = [
    b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    b"PUT / HTTP/1.1\r\n",
    b"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1  2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
    b"PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 99999\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
    b"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP6 1::2::3 ::1 1 2\r\n",
    b"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n",
    b"PROXY UNKNOWN \n\r\n",
    b"PROXY UNKNOWNPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    b"PROXY UNKNOWN " + b"a" * LONGEST_LINE,
    b"\r\n\r\n\0\r\nQUIX\n" + bytes(4),
    binary(0x11, 0x11, bytes(12)),
    binary(0x22, 0x11, bytes(12)),
    binary(0x21, 0x13, bytes(12)),
    binary(0x21, 0x41, bytes(12)),
    binary(0x21, 0x11, bytes(11)),
    binary(0x21, 0x21, bytes(35)),
    binary(0x21, 0x31, bytes(215)),
    binary(0x21, 0x11, b"", size=LONGEST),
]


def taken(data: bytes) -> tuple[Address | None, bytes]:
    """Whom the header at the beginning names, and what is left behind it. Raises BadHeader.

    EOFError says that the header goes on where the data ends.
    """
    at = 0
    while lacks := missing(data[:at]):
        at += lacks
        if at > len(data):
            raise EOFError
    return parse(data[:at]), data[at:]


# ---------------------------------------------------------------- bytes


@pytest.mark.parametrize(("header", "client"), NAMED)
def test_a_header_names_a_client(header: bytes, client: Address | None) -> None:
    behind = b"PROXY \r\n\r\n"
    assert taken(header + behind) == (client, behind)
    assert taken(header) == (client, b"")


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        taken(data)


@pytest.mark.parametrize("header", [header for header, _ in NAMED])
def test_no_byte_behind_the_header_is_asked_for(header: bytes) -> None:
    for at in range(len(header)):
        assert 0 < missing(header[:at]) <= len(header) - at
    assert missing(header) == 0


ports = st.integers(0, 65535)


@given(st.ip_addresses(), ports, st.binary(max_size=200), st.binary(max_size=40))
def test_any_client_is_named_in_both_versions(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, tlvs: bytes, behind: bytes
) -> None:
    other = type(address)(1)
    line = f"PROXY TCP{address.version} {address} {other} {port} 80\r\n".encode()
    family = 0x11 if address.version == 4 else 0x21
    rest = address.packed + other.packed + struct.pack("!HH", port, 80) + tlvs
    for header in (line, binary(0x21, family, rest)):
        assert taken(header + behind) == ((str(address), port), behind)


beginnings = st.sampled_from([b"", b"P", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21"])
mutated = st.tuples(
    st.sampled_from([header for header, _ in NAMED]), st.integers(0, 60), st.binary(max_size=3)
).map(lambda one: one[0][: one[1]] + one[2] + one[0][one[1] + len(one[2]) :])


@given(st.tuples(beginnings, st.binary(max_size=300)).map(b"".join) | mutated)
def test_whatever_comes_is_a_header_or_is_none(data: bytes) -> None:
    try:
        client, behind = taken(data)
    except (BadHeader, EOFError):
        return
    assert data.endswith(behind)
    if client is not None:
        assert str(ipaddress.ip_address(client[0])) == client[0]
        assert 0 <= client[1] <= 65535


# ---------------------------------------------------------------- connections


async def named(gateway: Gateway, header: bytes) -> RawClient:
    """A connection that began with this."""
    client = await gateway.client()
    await client.send(header)
    return client


def reasons(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Whose connections were refused, and why."""
    lines = [vars(one) for one in caplog.records if one.levelno >= logging.WARNING]
    assert {line["action"] for line in lines} <= {"proxy_protocol_refused"}
    return [(line["peer"], line["reason"]) for line in lines]


@pytest.mark.parametrize("header", [LINE, tcp4(tlvs=b"\x04\x00\x02hi")], ids=["v1", "v2"])
async def test_the_worker_and_the_log_know_the_client_that_is_named(
    start: Start, caplog: pytest.LogCaptureFixture, header: bytes
) -> None:
    caplog.set_level(logging.INFO, "prack.access")
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        # Together with the first request, as a proxy sends it.
        await client.send(
            header + b"GET /a HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 6.6.6.6\r\n\r\n"
        )
        for target in (b"/a", b"/b"):
            request: pb.Request = await worker.event("requests")
            assert (request.target, request.client.ip, request.client.port) == (target, *CLIENT)
            fields = dict(zip(request.headers[::2], request.headers[1::2], strict=True))
            assert fields[b"x-forwarded-for"] == b"192.0.2.7"
            await worker.answer(request)
            assert (await client.response()).status == 200
            await client.get(b"/b")
    lines = [vars(one) for one in caplog.records if one.name == "prack.access"]
    assert [line["client"] for line in lines][:2] == [CLIENT[0]] * 2


async def test_a_websocket_has_the_client_that_is_named(start: Start) -> None:
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(features=["websocket"])
        client = await named(gateway, tcp4())
        opening = asyncio.create_task(open_socket(client))
        request = await worker.event("requests")
        assert (request.client.ip, request.client.port) == CLIENT
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=101)])
        assert (await opening).status == 101


async def test_limits_are_those_of_the_client_that_is_named(start: Start) -> None:
    settings = {"max_connections_per_client": 1, "rate_limit": "1/m"}
    gateway = await start(
        proxy_protocol=True, trusted_proxies=TRUSTED, queue_timeout=0.05, **settings
    )
    first = await named(gateway, LINE)
    await first.get(b"/")
    assert (await first.response()).status == 503  # no worker; but it was let in
    await first.get(b"/")
    assert json.loads((await first.response()).body)["code"] == "rate_limited"
    second = await named(gateway, LINE)
    assert json.loads((await second.response()).body)["code"] == "too_many_connections"
    for number in range(3):
        other = await named(gateway, b"PROXY TCP4 192.0.2.%d 198.51.100.1 1 80\r\n" % number)
        assert await welcome(other)
    for _ in range(3):  # the proxy's own connections have no limit
        assert await welcome(await named(gateway, binary(0x20, 0, b"")))


async def test_a_header_may_come_byte_by_byte(start: Start) -> None:
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    for header in (LINE, tcp4()):
        client = await gateway.client()
        for byte in header:
            await client.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert await welcome(client)


async def test_what_is_no_header_ends_the_connection(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    for data in BAD:
        assert await (await named(gateway, data.ljust(LONGEST_LINE))).closed()
    assert reasons(caplog) == [("127.0.0.1", "this is no PROXY header")]


async def test_a_header_that_is_late_ends_the_connection(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    guard = ConnectionLimits(head_seconds=0.1)
    gateway = await start(guard, proxy_protocol=True, trusted_proxies=TRUSTED)
    assert await (await named(gateway, LINE[:-1])).closed()
    assert reasons(caplog) == [("127.0.0.1", "it did not come in time")]


async def test_a_stranger_cannot_name_anybody(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    stranger = await client_from(gateway, "127.0.0.2")
    await stranger.send(LINE)
    assert await stranger.closed()
    assert reasons(caplog) == [("127.0.0.2", "it does not come from a trusted proxy")]


async def test_who_leaves_before_the_header_is_no_matter(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(proxy_protocol=True, trusted_proxies=TRUSTED)
    for data in (b"", LINE[:20]):
        client = await named(gateway, data)
        client.writer.write_eof()
        assert await client.closed()
    assert reasons(caplog) == []


async def test_so_many_may_have_their_header_under_way(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    guard = ConnectionLimits(connections=2)
    gateway = await start(guard, proxy_protocol=True, trusted_proxies=TRUSTED)
    silent = [await gateway.client() for _ in range(2)]
    assert await (await gateway.client()).closed()
    assert reasons(caplog) == [("127.0.0.1", "too many others have not sent theirs yet")]
    await silent[0].send(LINE)
    assert await welcome(silent[0])
