"""What a request looks like once it has crossed the gateway."""

import ipaddress
from typing import Any

import pytest

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.gateway.request.forwarding import Forwarding

PEER = ("192.0.2.7", 5000)
TRUSTED = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("10.0.0.0/8")]
ADDED = [b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"]

Fields = list[tuple[bytes, bytes]]


def scope(headers: Fields, **values: Any) -> dict[str, Any]:
    base = {
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "client": PEER,
        "raw_path": b"/a%2Fb//c",
        "query_string": b"x=%20&y",
        "headers": headers,
    }
    return base | values


def forward(headers: Fields, trusted: Any = (), **values: Any) -> Request:
    if not any(name == b"host" for name, _ in headers):
        headers = [(b"host", b"h"), *headers]
    return Forwarding(trusted).request(scope(headers, **values))


def kept(request: Request) -> Fields:
    """The client's own fields as the worker sees them."""
    return [field for field in request.headers if field[0] not in ADDED]


def test_order_repeats_and_bytes_are_kept() -> None:
    fields = [(b"host", b"h"), (b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b""), (b"cookie", b"c")]
    request = forward(fields)
    assert kept(request) == fields
    assert request.target == b"/a%2Fb//c?x=%20&y"
    assert (request.method, request.authority, request.http_version) == (b"GET", b"h", b"1.1")


def test_the_target_comes_from_the_guard_where_there_is_one() -> None:
    extensions = {"prack": {"target": b"/x?", "connection": None}}
    assert forward([], extensions=extensions).target == b"/x?"


def test_hop_by_hop_fields_and_those_that_connection_names_stay_here() -> None:
    fields = [
        (b"host", b"h"),
        (b"connection", b"keep-alive, X-Hop"),
        (b"keep-alive", b"timeout=5"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"upgrade", b"h2c"),
        (b"proxy-connection", b"close"),
        (b"proxy-authorization", b"secret"),
        (b"x-hop", b"1"),
        (b"expect", b"100-continue"),
        (b"x-end", b"2"),
    ]
    assert kept(forward(fields)) == [(b"host", b"h"), (b"x-end", b"2")]


@pytest.mark.parametrize("name", [b"content-length", b"authorization", b"Host", b"cookie"])
def test_connection_must_not_name_framing_or_credentials(name: bytes) -> None:
    with pytest.raises(GatewayError, match="bad_request"):
        forward([(b"host", b"h"), (b"connection", b"close, " + name)])


def test_what_a_stranger_says_of_forwarding_is_replaced() -> None:
    request = forward(
        [
            (b"host", b"shop"),
            (b"x-forwarded-for", b"6.6.6.6"),
            (b"x-forwarded-proto", b"https"),
            (b"x-forwarded-host", b"evil"),
            (b"forwarded", b"for=6.6.6.6"),
        ]
    )
    assert request.client == PEER
    assert request.scheme == b"http"
    assert request.headers == [
        (b"host", b"shop"),
        (b"via", b"1.1 prack"),
        (b"forwarded", b'for=192.0.2.7;host="shop";proto=http'),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"shop"),
    ]


def test_what_a_trusted_proxy_says_is_kept_and_continued() -> None:
    request = forward(
        [
            (b"host", b"inner"),
            (b"x-forwarded-for", b"6.6.6.6, 203.0.113.9"),
            (b"x-forwarded-for", b"10.1.1.1"),
            (b"x-forwarded-proto", b"https"),
            (b"x-forwarded-host", b"shop"),
            (b"forwarded", b"for=203.0.113.9"),
        ],
        TRUSTED,
    )
    # The nearest address that is not a trusted proxy's; what stands before it may be forged.
    assert request.client == ("203.0.113.9", 0)
    assert request.scheme == b"https"
    assert request.headers[1:] == [
        (b"via", b"1.1 prack"),
        (b"forwarded", b'for=203.0.113.9, for=192.0.2.7;host="inner";proto=https'),
        (b"x-forwarded-for", b"6.6.6.6, 203.0.113.9, 10.1.1.1, 192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop"),
    ]


def test_ipv6_peers_are_quoted() -> None:
    request = forward([(b"host", b"h")], client=("2001:db8::1", 1))
    assert (b"forwarded", b'for="[2001:db8::1]";host="h";proto=http') in request.headers


def test_an_old_client_need_not_name_a_host() -> None:
    request = Forwarding().request(scope([], http_version="1.0"))
    assert request.authority == b""
    assert request.headers == [
        (b"via", b"1.0 prack"),
        (b"forwarded", b"for=192.0.2.7;proto=http"),
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"http"),
    ]


LENGTHS = [
    ([], 0),
    ([(b"content-length", b"12")], 12),
    ([(b"content-length", b"0003")], 3),
    ([(b"transfer-encoding", b"chunked")], -1),
]


@pytest.mark.parametrize(("fields", "length"), LENGTHS)
def test_the_length_of_the_body_is_known_before_it_comes(fields: Fields, length: int) -> None:
    request = forward(fields)
    assert request.body_length == length
    assert (b"transfer-encoding", b"chunked") not in request.headers


def test_the_handshake_of_a_websocket_stays_here() -> None:
    fields = [
        (b"host", b"h"),
        (b"connection", b"upgrade"),
        (b"upgrade", b"websocket"),
        (b"sec-websocket-key", b"a"),
        (b"sec-websocket-version", b"13"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        (b"sec-websocket-protocol", b"chat"),
        (b"content-length", b"0"),
    ]
    values = scope(fields, type="websocket", scheme="wss")
    del values["method"]
    request = Forwarding().websocket(values)
    assert kept(request) == [(b"host", b"h"), (b"sec-websocket-protocol", b"chat")]
    assert (request.kind, request.scheme, request.body_length) == (Kind.WEBSOCKET, b"https", -1)


def test_a_proxy_that_sends_only_forwarded_is_understood_by_all() -> None:
    said = b'for="[2001:DB8::1]:4711";proto=https;host="shop:81", for=10.1.1.1'
    request = forward([(b"host", b"inner"), (b"forwarded", said)], TRUSTED)
    assert request.client == ("2001:db8::1", 4711)
    assert request.scheme == b"https"
    assert request.headers[1:] == [
        (b"via", b"1.1 prack"),
        (
            b"forwarded",
            b'for="[2001:db8::1]:4711";proto=https;host="shop:81", for=10.1.1.1, '
            b'for=192.0.2.7;host="inner";proto=https',
        ),
        (b"x-forwarded-for", b"2001:db8::1, 10.1.1.1, 192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop:81"),
    ]


def test_what_cannot_be_parsed_is_dropped_and_complained_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    forwarding = Forwarding(TRUSTED)
    fields = [
        (b"host", b"h"),
        (b"x-forwarded-for", b"6.6.6.6;for=1.1.1.1"),
        (b"x-forwarded-proto", b"https;for=6.6.6.6"),
        (b"x-forwarded-host", b'a";for=6.6.6.6'),
        (b"x-forwarded-prefix", b"//evil"),
        (b"forwarded", b'for=1.1.1.1;x="'),
    ]
    for _ in range(3):
        request = forwarding.request(scope(fields))
        assert (request.client, request.scheme) == (PEER, b"http")
        assert request.headers[2:] == [
            (b"forwarded", b'for=192.0.2.7;host="h";proto=http'),
            (b"x-forwarded-for", b"192.0.2.7"),
            (b"x-forwarded-proto", b"http"),
            (b"x-forwarded-host", b"h"),
        ]
    (record,) = caplog.records
    assert (record.action, record.client, record.times) == ("forwarding_dropped", PEER[0], 1)  # type: ignore[attr-defined]


def test_only_a_trusted_proxy_says_the_prefix() -> None:
    prefix = (b"x-forwarded-prefix", b"/shop")
    assert prefix in forward([prefix], TRUSTED).headers
    assert b"x-forwarded-prefix" not in dict(forward([prefix]).headers)


def test_a_peer_is_one_in_each_spelling_of_its_address() -> None:
    fields = [(b"x-forwarded-for", b"203.0.113.9")]
    assert forward(fields, TRUSTED, client=("::ffff:192.0.2.7", 5000)).client[0] == "203.0.113.9"
    assert forward([], client=("::ffff:192.0.2.7", 5000)).client == PEER
