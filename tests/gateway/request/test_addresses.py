"""Addresses in all their spellings."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.gateway.request.addresses import UNKNOWN, Node, node, trusting

SPELLINGS = [
    ("127.0.0.1", Node("127.0.0.1", 0)),
    ("127.0.0.1:9999", Node("127.0.0.1", 9999)),
    ("127.0.0.1:", Node("127.0.0.1", 0)),
    ("[127.0.0.1]", None),
    ("::1", Node("::1", 0)),
    ("[::1]", Node("::1", 0)),
    ("[::1]:65535", Node("::1", 65535)),
    ("2001:DB8::000A", Node("2001:db8::a", 0)),
    ("[2001:0db8:0:0:0:0:0:1]:4711", Node("2001:db8::1", 4711)),
    ("[2001:db8::1]:_port", Node("2001:db8::1", 0)),
    ("fe80::1%eth0", Node("fe80::1", 0)),
    ("[fe80::1%25eth0]:80", Node("fe80::1", 80)),
    ("::ffff:192.0.2.1", Node("192.0.2.1", 0)),
    ("[::FFFF:c000:201]:80", Node("192.0.2.1", 80)),
    ("unknown", UNKNOWN),
    ("Unknown:80", UNKNOWN),
    ("_hidden", UNKNOWN),
    ("_SEVKISEK.1-a", UNKNOWN),
    ("127.0.0.01", None),
    ("0177.0.0.1", None),
    ("0x7f.0.0.1", None),
    ("2130706433", None),
    ("127.1", None),
    ("::ffff:192.0.2.01", None),
    ("127.0.0.1:65536", None),
    ("127.0.0.1:-1", None),
    ("127.0.0.1:80:80", None),
    ("[::1", None),
    ("::1]", None),
    ("[::1]80", None),
    ("[::1]:http", None),
    ("2001:db8::1%", None),
    ("::1%a;for=6.6.6.6", None),
    ("127.0.0.1%eth0", None),
    ("١٢٧.0.0.1", None),
    ("127.0.0.1\n", None),
    (" 127.0.0.1", None),
    ("unix:", None),
    ("localhost", None),
    ("", None),
    ("_" + "a" * 200, None),
]


@pytest.mark.parametrize(("text", "expected"), SPELLINGS)
def test_a_node_is_known_in_each_spelling(text: str, expected: Node | None) -> None:
    assert node(text) == expected


addresses = st.ip_addresses().map(lambda ip: getattr(ip, "ipv4_mapped", None) or ip)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str, int]:
    """An address, one of its spellings with or without a port, and that port."""
    ip = draw(addresses)
    port = draw(st.one_of(st.just(0), st.integers(1, 65535)))
    if isinstance(ip, ipaddress.IPv4Address):
        host = str(ip)
        host = draw(st.sampled_from([host, f"::ffff:{host}", f"[::ffff:{host}]"]))
        host = f"[{host}]" if port and host.startswith(":") else host
    else:
        host = draw(st.sampled_from([ip.compressed, ip.exploded]))
        host = draw(st.sampled_from([host, host.upper()]))
        host += draw(st.sampled_from(["", "%eth0"]))
        host = f"[{host}]" if port or draw(st.booleans()) else host
    return str(ip), f"{host}:{port}" if port else host, port


@given(spellings())
def test_all_spellings_are_one(one: tuple[str, str, int]) -> None:
    address, text, port = one
    assert node(text) == Node(address, port)
    network = ipaddress.ip_network(address)
    assert trusting([network])(text)
    assert trusting([network])(address)


@given(st.text(alphabet="0123456789abcdefABCDEF.:[]%_-unkow \t;=,\"'é\0", max_size=60) | st.text())
def test_what_is_none_does_no_harm(text: str) -> None:
    known = node(text)
    if known is not None and known != UNKNOWN:
        assert str(ipaddress.ip_address(known.address)) == known.address
        assert 0 <= known.port <= 65535


@pytest.mark.parametrize(
    ("network", "address", "trusted"),
    [
        ("127.0.0.1", "127.0.0.1:9999", True),
        ("127.0.0.1", "::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.0/104", "10.1.2.3", True),
        ("::ffff:10.0.0.0/104", "11.1.2.3", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("2001:db8::/32", "[2001:DB8::1]:80", True),
        ("127.0.0.0/8", "127.0.0.01", False),
        ("0.0.0.0/0", "unknown", False),
        ("0.0.0.0/0", "", False),
    ],
)
def test_trust_knows_no_spelling(network: str, address: str, trusted: bool) -> None:
    assert trusting([ipaddress.ip_network(network)])(address) is trusted
