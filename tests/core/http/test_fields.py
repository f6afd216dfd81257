from collections.abc import Callable

import pytest

from prack_grpc.core.errors import BadResponse
from prack_grpc.core.http.fields import (
    MAX_FIELDS,
    NO_TRAILER,
    checked_accept,
    checked_interim,
    checked_response,
    checked_trailers,
    end_to_end,
    passed_response,
)
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.limits import MAX_HEAD

TYPE = (b"content-type", b"text/plain")


def checked(
    *headers: tuple[bytes, bytes],
    status: int = 200,
    body: bytes = b"",
    end: bool = False,
    method: bytes = b"GET",
) -> ResponseHead:
    return checked_response(method, status, list(headers), body, end)


def length(value: bytes) -> tuple[bytes, bytes]:
    return b"Content-Length", value


# ---------------------------------------------------------------- what is refused

REFUSED: list[tuple[str, int, Headers, str]] = [
    *(("W15", status, [], "status") for status in (-1, 0, 99, 600, 999, 2**63)),
    *(("W16", status, [], "status") for status in (100, 101, 103, 199)),
    *(
        ("W17", 200, [(name, b"v")], "headers")
        for name in (b"", b"x y", b"x:y", b"x/y", b"(x)", b"caf\xe9", b"x\r\n", b"x\n", b"x\x00")
    ),
    *(
        ("W18", 200, [(b"x", value)], "headers")
        for value in (b"a\rb", b"a\nb", b"a\r\nset-cookie: b", b"a\x00b", b"a\x7f", b"\x0b", b"a\n")
    ),
    ("W21 twice", 200, [length(b"3"), length(b"3")], "content-length"),
    *(
        (f"W21 {value!r}", 200, [length(value)], "content-length")
        for value in (b"", b"+3", b"-3", b"0x3", b"0_3", b"3, 3", b"3.0", b"x", b"9" * 19)
    ),
    ("W21 not ASCII", 200, [length("\u0663".encode())], "content-length"),
    ("W26 fields", 200, [(b"x", b"v")] * (MAX_FIELDS + 1), "headers"),
    ("W26 size", 200, [(b"x", b"v" * (MAX_HEAD - 4))], "headers"),
]


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize(
    ("status", "headers", "field"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED]
)
def test_a_malformed_head_is_refused(status: int, headers: Headers, field: str, end: bool) -> None:
    with pytest.raises(BadResponse) as caught:
        checked(*headers, status=status, end=end)
    assert caught.value.field == field


@pytest.mark.parametrize("status", [200, 201, 299, 300, 404, 418, 500, 599])
def test_every_final_status_passes(status: int) -> None:
    assert checked(status=status).status == status


def test_w26_a_head_at_its_bounds_passes() -> None:
    assert len(checked(*[(b"x", b"v")] * MAX_FIELDS).headers) == MAX_FIELDS
    value = b"v" * (MAX_HEAD - len(b"x") - 4)
    assert checked((b"x", value)).headers == [(b"x", value)]


# ---------------------------------------------------------------- what is rebuilt

HOP = [
    (b"Transfer-Encoding", b"chunked"),
    (b"Connection", b"close"),
    (b"Keep-Alive", b"timeout=5"),
    (b"Upgrade", b"h2c"),
    (b"Trailer", b"x-t"),
    (b"Proxy-Authenticate", b"Basic"),
    (b"Proxy-Connection", b"close"),
    (b"TE", b"trailers"),
]


@pytest.mark.parametrize("field", HOP, ids=lambda field: field[0].decode())
def test_w22_hop_by_hop_fields_are_dropped(field: tuple[bytes, bytes]) -> None:
    assert checked(TYPE, field).headers == [TYPE]


def test_fields_that_connection_names_are_dropped() -> None:
    fields = [(b"X-A", b"1"), (b"X-B", b"2"), (b"X-C", b"3")]
    nominating = [(b"connection", b"x-a ,close"), (b"Connection", b"X-B")]
    assert checked(*nominating, *fields).headers == [(b"x-c", b"3")]


def test_order_and_repeats_are_kept_and_names_become_lower_case() -> None:
    fields = [(b"Set-Cookie", b"a"), (b"X", b"1"), (b"set-cookie", b"b"), (b"SET-COOKIE", b"a")]
    assert checked(*fields).headers == [(name.lower(), value) for name, value in fields]


@pytest.mark.parametrize(
    ("sent", "passed"),
    [(b" v ", b"v"), (b"\tv\t ", b"v"), (b"a  b", b"a  b"), (b"a\tb", b"a\tb"), (b" ", b"")],
)
def test_w19_a_value_is_trimmed_outside_only(sent: bytes, passed: bytes) -> None:
    assert checked((b"x", sent)).headers == [(b"x", passed)]


def test_bytes_beyond_ascii_pass_in_values() -> None:
    assert checked((b"x", b"caf\xe9 \xff")).headers == [(b"x", b"caf\xe9 \xff")]


@pytest.mark.parametrize(
    "value", [b"prack", b"prack; error=x", b"a, prack;error=x", b'"prack"', b"PRACK, a", b"a,prack"]
)
def test_w36_only_the_gateway_speaks_as_prack(value: bytes) -> None:
    assert checked((b"Proxy-Status", value)).headers == []


@pytest.mark.parametrize("value", [b"cdn", b"cdn; details=prack", b"my-prack; error=x", b"prack2"])
def test_another_proxys_status_passes(value: bytes) -> None:
    assert checked((b"Proxy-Status", value)).headers == [(b"proxy-status", value)]


def test_w36_server_and_date_are_the_workers() -> None:
    fields = [(b"server", b"w"), (b"date", b"Mon, 23 Nov 2026 00:00:00 GMT")]
    assert checked(*fields).headers == fields


# ---------------------------------------------------------------- length and body


@pytest.mark.parametrize("declared", [[], [length(b"3")], [length(b"0")], [length(b"99")]])
def test_w20_a_complete_body_sets_the_content_length(declared: Headers) -> None:
    head = checked(*declared, TYPE, body=b"abc", end=True)
    assert sorted(head.headers) == [(b"content-length", b"3"), TYPE]
    assert (head.body, head.end, head.body_length) == (b"abc", True, 3)


@pytest.mark.parametrize(("declared", "expected"), [([], -1), ([length(b"10")], 10)])
def test_w20_a_streamed_body_is_held_to_the_length_that_was_declared(
    declared: Headers, expected: int
) -> None:
    head = checked(*declared, body=b"abc")
    assert (head.body, head.end, head.body_length) == (b"abc", False, expected)


@pytest.mark.parametrize("declared", [b"0", b"2"])
def test_w20_a_start_of_a_body_that_is_longer_than_declared_is_refused(declared: bytes) -> None:
    with pytest.raises(BadResponse) as caught:
        checked(length(declared), body=b"abc")
    assert caught.value.field == "content-length"


def test_a_length_that_hides_behind_connection_is_no_length() -> None:
    head = checked((b"connection", b"content-length"), length(b"5"))
    assert (head.headers, head.body_length) == ([], -1)


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize(
    ("method", "status", "declared", "passed"),
    [
        pytest.param(b"GET", 204, [length(b"3")], [], id="W23 204"),
        pytest.param(b"GET", 204, [], [], id="W23 204 without a length"),
        pytest.param(b"GET", 304, [length(b"3")], [b"3"], id="W23 304"),
        pytest.param(b"GET", 304, [], [], id="W23 304 without a length"),
        pytest.param(b"GET", 205, [length(b"3")], [b"0"], id="W24 205"),
        pytest.param(b"GET", 205, [], [b"0"], id="W24 205 without a length"),
        pytest.param(b"HEAD", 200, [length(b"3")], [b"3"], id="P86 HEAD"),
        pytest.param(b"HEAD", 200, [], [], id="P86 HEAD without a length"),
        pytest.param(b"HEAD", 204, [length(b"3")], [], id="HEAD 204"),
    ],
)
def test_a_body_is_dropped_where_there_must_be_none(
    method: bytes, status: int, declared: Headers, passed: list[bytes], end: bool
) -> None:
    head = checked(*declared, TYPE, method=method, status=status, body=b"abc", end=end)
    assert (head.body, head.end) == (b"", True)
    assert [value for name, value in head.headers if name == b"content-length"] == passed
    assert TYPE in head.headers


# ---------------------------------------------------------------- other heads, and trailers


@pytest.mark.parametrize("status", [102, 103, 199])
def test_an_interim_head_passes_without_framing(status: int) -> None:
    head = checked_interim(status, [(b"Link", b"</a>"), length(b"3"), (b"connection", b"x")])
    assert head == ResponseHead(status, [(b"link", b"</a>")], b"", True, -1)


@pytest.mark.parametrize("status", [100, 101])
def test_interim_heads_that_belong_to_the_gateway_are_refused(status: int) -> None:
    with pytest.raises(BadResponse):
        checked_interim(status, [])


def test_an_accepted_upgrade_has_no_length() -> None:
    head = checked_accept([TYPE, length(b"3"), (b"upgrade", b"websocket")], b"abc", False)
    assert head == ResponseHead(101, [TYPE], b"abc", False, -1)


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("status", [200, 204, 205, 304, 404])
@pytest.mark.parametrize("fields", [[TYPE], [TYPE, length(b"3")]], ids=["no length", "length"])
@pytest.mark.parametrize("end", [True, False])
def test_what_one_gateway_has_checked_another_passes_on(
    method: bytes, status: int, fields: Headers, end: bool
) -> None:
    head = checked(*fields, status=status, body=b"abc", end=end, method=method)
    assert passed_response(head.status, head.headers, head.body, head.end) == head


def test_a_length_that_is_none_is_refused_of_a_gateway_too() -> None:
    with pytest.raises(BadResponse):
        passed_response(200, [(b"content-length", b"three")], b"", False)


def test_trailers_hold_nothing_that_must_be_known_before_the_body() -> None:
    banned = [(name, b"1") for name in NO_TRAILER]
    hop_by_hop = [(b"connection", b"x-a"), (b"x-a", b"1"), (b"te", b"gzip")]
    assert checked_trailers([*banned, *hop_by_hop, (b"X-T", b" 1 ")]) == [(b"x-t", b"1")]


@pytest.mark.parametrize("check", [checked_trailers, lambda headers: checked_interim(103, headers)])
def test_malformed_fields_are_refused_there_too(check: Callable[[Headers], object]) -> None:
    with pytest.raises(BadResponse):
        check([(b"x", b"a\r\nb")])


# ---------------------------------------------------------------- both directions


def test_end_to_end_fields_travel_on_unchanged() -> None:
    fields = [(b"accept", b"*/*"), (b"x", b" "), (b"accept", b"a")]
    assert (
        end_to_end([*fields, (b"connection", b"x-y"), (b"te", b"gzip"), (b"x-y", b"1")]) == fields
    )
