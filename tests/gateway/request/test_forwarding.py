"""What a request looks like once it has crossed the gateway."""

import ipaddress
import time
from typing import Any

import pytest

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Kind, Request
from prack_grpc.gateway.request.forwarding import Forwarding

PEER = ("192.0.2.7", 5000)
TRUSTED = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("10.0.0.0/8")]
ID, START = b"x-request-id", b"x-request-start"
ADDED = [b"via", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"]

Fields = list[tuple[bytes, bytes]]


def scope(headers: Fields, **values: Any) -> dict[str, Any]:
    base = {
        "method": "GET",
        "scheme": "http",
        "http_version": "1.1",
        "client": PEER,
        "headers": headers,
        "extensions": {"prack": {"target": b"/a%2Fb//c?x=%20&y"}},
    }
    return base | values


def forward(headers: Fields, trusted: Any = (), **values: Any) -> Request:
    if not any(name == b"host" for name, _ in headers):
        headers = [(b"host", b"h"), *headers]
    return Forwarding(trusted).request(scope(headers, **values))


def kept(request: Request) -> Fields:
    """The client's own fields as the worker sees them."""
    return [field for field in unstamped(request) if field[0] not in ADDED]


def unstamped(request: Request) -> Fields:
    """What the worker sees but for the two stamps, which differ from request to request."""
    return [field for field in request.headers if field[0] not in (ID, START)]


def stamps(request: Request) -> Fields:
    """The two stamps, in order of their names."""
    return sorted(field for field in request.headers if field[0] in (ID, START))


def test_order_repeats_and_bytes_are_kept() -> None:
    fields = [(b"host", b"h"), (b"x-a", b"1"), (b"x-b", b"\xe9"), (b"x-a", b""), (b"cookie", b"c")]
    request = forward(fields)
    assert kept(request) == fields
    assert request.target == b"/a%2Fb//c?x=%20&y"
    assert (request.method, request.authority, request.http_version) == (b"GET", b"h", b"1.1")


def test_an_empty_query_is_kept() -> None:
    assert forward([], extensions={"prack": {"target": b"/x?"}}).target == b"/x?"


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
    assert unstamped(request) == [
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
    assert unstamped(request)[1:] == [
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
    assert unstamped(request) == [
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
    assert unstamped(request)[1:] == [
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
        assert unstamped(request)[2:] == [
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


@pytest.mark.parametrize(
    ("peer", "fields", "expected"),
    [
        ("192.0.2.7", [], "192.0.2.7"),
        ("2001:db8::1:2", [], "2001:db8::/64"),
        ("::ffff:192.0.2.7", [], "192.0.2.7"),
        ("10.0.0.1", [], ""),
        ("10.0.0.1", [(b"x-forwarded-for", b"198.51.100.9, 10.0.0.2")], "198.51.100.9"),
        ("10.0.0.1", [(b"forwarded", b"for=unknown")], ""),
        ("192.0.2.7", [(b"x-forwarded-for", b"198.51.100.9")], "192.0.2.7"),
    ],
)
def test_a_request_counts_for_its_client_and_for_nobody_if_that_is_exempt(
    peer: str, fields: Fields, expected: str
) -> None:
    assert forward(fields, TRUSTED[1:], client=(peer, 5)).counts_for == expected


def test_what_comes_over_a_unix_socket_counts_for_nobody() -> None:
    assert forward([], client=None).counts_for == ""


def test_each_request_has_an_id_and_says_when_it_came() -> None:
    before = time.time_ns() // 1000
    requests = [forward([(b"x-a", b"1")], peers) for peers in ((), TRUSTED)]
    after = time.time_ns() // 1000
    for request in requests:
        assert request.x_request_id == request.id
        assert request.headers[-2] == (ID, request.id.encode())
        name, value = request.headers[-1]
        assert (name, value[:2]) == (START, b"t=")
        assert before <= int(value[2:]) <= after
    assert len({request.id for request in requests}) == 2


SANE = [b"a", b"req-42/x:1", b"~" * 128]
INSANE = [[b""], [b"a b"], [b"caf\xe9"], [b"a\tb"], [b"x" * 129], [b"a", b"b"], [b"a", b"a"]]


@pytest.mark.parametrize("value", SANE)
def test_a_sane_id_is_kept_where_it_is_and_names_nothing_of_ours(value: bytes) -> None:
    first, second = (forward([(ID, value), (b"x-end", b"1")]) for _ in range(2))
    assert kept(first)[-1] == (b"x-end", b"1")
    assert first.headers[1] == second.headers[1] == (ID, value)
    assert first.x_request_id == second.x_request_id == value.decode()
    assert len({first.id, second.id, value.decode()}) == 3
    assert [name for name, _ in stamps(first)] == [ID, START]


@pytest.mark.parametrize("values", INSANE)
def test_any_other_id_is_replaced(values: list[bytes]) -> None:
    request = forward([(ID, value) for value in values], TRUSTED)
    assert request.x_request_id == request.id
    assert stamps(request)[0] == (ID, request.id.encode())
    assert len(stamps(request)) == 2


STARTS = [b"t=1700000000123456", b"1700000000123", b"t=1700000000.123", b"t=1700000000"]
NO_STARTS = [[b""], [b"t="], [b"now"], [b"t=12"], [b"t=1" + b"0" * 16], [STARTS[0], STARTS[0]]]


@pytest.mark.parametrize("value", STARTS)
def test_a_trusted_proxy_may_say_when_the_request_came(value: bytes) -> None:
    assert stamps(forward([(START, value)], TRUSTED))[1:] == [(START, value)]
    ((_, own),) = stamps(forward([(START, value)]))[1:]
    assert own.startswith(b"t=")
    assert own != value


@pytest.mark.parametrize("values", NO_STARTS)
def test_what_is_no_start_is_replaced(values: list[bytes]) -> None:
    request = forward([(START, value) for value in values], TRUSTED)
    ((_, own),) = stamps(request)[1:]
    assert own not in values
    assert len(own) == len(b"t=1700000000123456")


def test_what_connection_names_is_neither_id_nor_start() -> None:
    named = (b"connection", b"x-request-id, x-request-start")
    request = forward([named, (ID, b"a"), (START, STARTS[0])], TRUSTED)
    assert request.x_request_id == request.id
    assert (START, STARTS[0]) not in request.headers


def test_a_trace_is_passed_on_as_it_came() -> None:
    fields = [
        (b"host", b"h"),
        (b"tracestate", b"a=1,b=2"),
        (b"traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"),
        (b"tracestate", b" c=3"),
        (b"traceparent", b"garbled"),
        (b"baggage", b"k=v"),
    ]
    assert kept(forward(fields)) == fields


def test_a_head_of_long_names_is_looked_at_too() -> None:
    long = (b"x-" + b"a" * 2000, b"1")
    assert kept(forward([long, (b"x-real-ip", b"6.6.6.6")]))[1:] == [long]
    with pytest.raises(GatewayError, match="ambiguous_header"):
        forward([long, (b"content_length", b"1")])
