"""What proxies say of their clients, in all the ways in which they say it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.gateway.request.addresses import UNKNOWN, Node
from prack_grpc.gateway.request.claims import (
    MAX_HOPS,
    NAMES,
    SCHEMES,
    Claims,
    claims_of,
    parse_forwarded,
    quoted,
)

PEER = Node("192.0.2.7", 5000)
Fields = list[tuple[bytes, bytes]]


def trusts(address: str) -> bool:
    return address.startswith(("192.0.2.", "10."))


def client_in(claims: Claims) -> Node:
    return claims.client(PEER, trusts)[0]


def scheme_in(claims: Claims) -> bytes | None:
    _, at = claims.client(PEER, trusts)
    return claims.of(claims.schemes, at)


CHAINS = [
    ([b"203.0.113.7"], Node("203.0.113.7", 0), 0),
    ([b"203.0.113.7:17085"], Node("203.0.113.7", 17085), 0),
    ([b"[2001:DB8::1]:80"], Node("2001:db8::1", 80), 0),
    ([b"6.6.6.6, 203.0.113.7,10.1.1.1:99"], Node("203.0.113.7", 0), 0),
    ([b"6.6.6.6", b"203.0.113.7", b"10.1.1.1"], Node("203.0.113.7", 0), 0),
    ([b" , 203.0.113.7 ,, "], Node("203.0.113.7", 0), 0),
    ([b"junk, 203.0.113.7"], Node("203.0.113.7", 0), 0),
    ([b"10.3.3.3, 10.2.2.2"], Node("10.3.3.3", 0), 0),
    ([b""], PEER, 0),
    # Who stands before these, nobody can say: it is the last that is known.
    ([b"6.6.6.6, unknown"], PEER, 0),
    ([b"6.6.6.6, unknown, 10.1.1.1"], Node("10.1.1.1", 0), 0),
    ([b"6.6.6.6, unix:, 10.1.1.1"], Node("10.1.1.1", 0), 1),
    ([b"6.6.6.6, 127.0.0.01"], PEER, 1),
    ([b"6.6.6.6, 203.0.113.7;for=1.1.1.1"], PEER, 1),
]


@pytest.mark.parametrize(("values", "client", "dropped"), CHAINS)
def test_the_client_is_the_nearest_that_is_no_proxy(
    values: list[bytes], client: Node, dropped: int
) -> None:
    claims = claims_of([(b"x-forwarded-for", value) for value in values])
    assert client_in(claims) == client
    assert claims.dropped == dropped or b"junk" in values[0]


PROTOS = [
    ([b"https"], b"https", 0),
    ([b"HTTPS"], b"https", 0),
    ([b"wss"], b"https", 0),
    ([b"WS"], b"http", 0),
    ([b"https,http"], b"https", 0),
    ([b"https", b"https"], b"https", 0),
    ([b" https , "], b"https", 0),
    ([b"https;for=6.6.6.6"], None, 1),
    ([b'"https"'], None, 1),
    ([b"https http"], None, 1),
    ([b"ftp, https"], b"https", 1),
    ([b""], None, 0),
]


@pytest.mark.parametrize(("values", "scheme", "dropped"), PROTOS)
def test_a_scheme_is_one_of_two(values: list[bytes], scheme: bytes | None, dropped: int) -> None:
    claims = claims_of([(b"x-forwarded-proto", value) for value in values])
    assert (scheme_in(claims), claims.dropped) == (scheme, dropped)


def test_of_lists_that_go_together_the_clients_own_word_counts() -> None:
    claims = claims_of(
        [
            (b"x-forwarded-for", b"6.6.6.6, 203.0.113.7, 10.1.1.1"),
            (b"x-forwarded-proto", b"https, http, https"),
            (b"x-forwarded-host", b"evil, shop, inner"),
        ]
    )
    _, at = claims.client(PEER, trusts)
    assert claims.of(claims.schemes, at) == b"http"
    assert claims.of(claims.hosts, at) == b"shop"


def test_hosts_and_prefixes_are_what_they_must_be() -> None:
    claims = claims_of(
        [
            (b"x-forwarded-host", b"a/b, shop:8443, u@h"),
            (b"x-forwarded-prefix", b"/api, //evil, relative, /a b, /v%31/"),
        ]
    )
    assert claims.hosts == [b"shop:8443"]
    assert claims.prefixes == [b"/api", b"/v%31/"]
    assert claims.dropped == 5


ELEMENTS = [
    (b"for=192.0.2.43", [b"for=192.0.2.43"], Node("192.0.2.43", 0), 0),
    (b'For="[2001:db8::1]:4711"', [b'for="[2001:db8::1]:4711"'], Node("2001:db8::1", 4711), 0),
    (b"for=203.0.113.7:80", [b'for="203.0.113.7:80"'], Node("203.0.113.7", 80), 0),
    (b'for="\\203.0.113.7"', [b"for=203.0.113.7"], Node("203.0.113.7", 0), 0),
    (b"for=6.6.6.6, for=_hidden", [b"for=6.6.6.6", b"for=_hidden"], PEER, 0),
    (b"for=6.6.6.6, proto=https", [b"for=6.6.6.6", b"proto=https"], PEER, 0),
    (b'for=1.1.1.1;by=_a;x="a,;\\""', [b'for=1.1.1.1;by=_a;x="a,;\\""'], Node("1.1.1.1", 0), 0),
    (b" for=1.1.1.1 ; proto=HTTPS , ", [b"for=1.1.1.1;proto=https"], Node("1.1.1.1", 0), 0),
    (b"for=1.1.1.1;proto=ftp;host=a/b", [b"for=1.1.1.1"], Node("1.1.1.1", 0), 2),
    (b"for=6.6.6.6, for=junk, for=10.1.1.1", [b"for=10.1.1.1"], Node("10.1.1.1", 0), 1),
    (b"for=1.1.1.1;for=2.2.2.2", [], PEER, 1),
    (b'for="1.1.1.1', [], PEER, 1),
    (b"for", [], PEER, 1),
    (b"for=1.1.1.1 proto=https", [], PEER, 1),
    (b"", [], PEER, 0),
]  # fmt: skip


@pytest.mark.parametrize(("value", "elements", "client", "dropped"), ELEMENTS)
def test_a_proxy_that_sends_only_forwarded_is_believed(
    value: bytes, elements: list[bytes], client: Node, dropped: int
) -> None:
    claims = claims_of([(b"forwarded", value)])
    assert claims.elements == elements
    assert client_in(claims) == client
    assert claims.dropped == dropped


def test_forwarded_says_scheme_and_host_of_the_client() -> None:
    claims = claims_of(
        [(b"forwarded", b'for=6.6.6.6;proto=http, for=203.0.113.7;proto=https;host="shop:81"')]
    )
    _, at = claims.client(PEER, trusts)
    assert claims.of(claims.schemes, at) == b"https"
    assert claims.of(claims.hosts, at) == b"shop:81"


def test_a_proxy_that_sends_x_forwarded_lets_any_forwarded_through() -> None:
    claims = claims_of(
        [(b"forwarded", b"for=6.6.6.6;proto=https;host=evil"), (b"x-forwarded-for", b"203.0.113.7")]
    )
    assert client_in(claims) == Node("203.0.113.7", 0)
    assert scheme_in(claims) is None
    assert claims.hosts == []


def test_a_way_has_an_end() -> None:
    claims = claims_of([(b"x-forwarded-for", b"10.0.0.1," * 5000)])
    assert (len(claims.chain), claims.dropped) == (MAX_HOPS, 1)
    claims = claims_of([(b"forwarded", b"for=10.0.0.1," * 5000)])
    assert (len(claims.elements), claims.dropped) == (MAX_HOPS, 1)


tokens = st.text("abcXYZ019-_.!~", min_size=1).map(str.encode)
values = st.binary().filter(lambda value: not set(value) & {*range(32), 127})
elements = st.lists(
    st.dictionaries(tokens.map(bytes.lower), values, min_size=1), min_size=1, max_size=5
)


@given(elements)
def test_what_is_quoted_can_be_read_again(given_elements: list[dict[bytes, bytes]]) -> None:
    text = b", ".join(
        b";".join(b"%b=%b" % (name, quoted(value)) for name, value in element.items())
        for element in given_elements
    )
    assert parse_forwarded(text) == given_elements


PARTS = (
    b'for= proto= host= by= https wss 1.1.1.1 [::1]:80 " \\ , ; unknown _x /a = 1.1.1.1;proto=ws'
)
words = st.sampled_from([*PARTS.split(), b" ", b"\t", b"\xe9"])
noise = st.lists(words, max_size=12).map(b"".join)


@given(st.lists(st.tuples(st.sampled_from(sorted(NAMES)), noise), max_size=5))
def test_nothing_goes_on_that_was_not_understood(fields: Fields) -> None:
    claims = claims_of(fields)
    assert set(claims.schemes) <= {*SCHEMES.values(), None}
    again = claims_of([(b"forwarded", element) for element in claims.elements])
    assert (again.elements, again.dropped) == (claims.elements, 0)
    chain = claims_of([(b"x-forwarded-for", address) for address in claims.addresses()])
    assert [known.address for known in chain.chain] == [known.address for known in claims.chain]
    assert chain.dropped == 0
    assert client_in(claims) != UNKNOWN
