"""Whom clients may have called back."""

import pytest

from prack_grpc.deferred.destinations import BadCallback, Destinations

LISTED = Destinations(("api.example.com", "*.example.org", "10.0.0.0/8", "fd00::/8", "Billing"))


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://api.example.com/done?a=1", ("https", "api.example.com", 443, "/done?a=1")),
        ("https://API.example.com:8443", ("https", "api.example.com", 8443, "/")),
        ("https://a.b.example.org/", ("https", "a.b.example.org", 443, "/")),
        ("http://10.1.2.3:9/x", ("http", "10.1.2.3", 9, "/x")),
        ("https://[fd00::1]/", ("https", "fd00::1", 443, "/")),
        ("http://billing/", ("http", "billing", 80, "/")),
    ],
)
def test_these_may_be(url: str, parts: tuple[str, str, int, str]) -> None:
    target = LISTED.target(url)
    assert (target.scheme, target.host, target.port, target.target) == parts


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "https://evilexample.org/",
        "https://api.example.com.evil.test/",
        "https://192.0.2.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://127.1/",
    ],
)
def test_others_may_not(url: str) -> None:
    with pytest.raises(BadCallback, match="--callback-hosts"):
        LISTED.target(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://api.example.com/",
        "https://user@api.example.com/",
        "https://api.example.com/#part",
        "https://api.example.com/a b",
        "https://api.example.com/\r\nx: y",
        "//api.example.com/",
        "https://api.example.com:123456/",
        "https://api.example.com:65536/",
        "https://api.example.com:0/",
        "https:///",
    ],
)
def test_what_is_no_such_url_is_refused(url: str) -> None:
    with pytest.raises(BadCallback, match="expected a URL"):
        LISTED.target(url)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_called_over_tls_only(address: str) -> None:
    assert LISTED.allows(address, "https")
    assert not LISTED.allows(address, "http")


@pytest.mark.parametrize("address", ["10.9.9.9", "::ffff:10.0.0.1", "fd12::1"])
def test_a_network_that_is_listed_is_called_in_any_way(address: str) -> None:
    assert LISTED.allows(address, "https")
    assert LISTED.allows(address, "http")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "0.0.0.0",
        "169.254.169.254",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "fe80::1%eth0",
        "fc00::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
    ],
)
def test_no_other_address_is_called(address: str) -> None:
    assert not LISTED.allows(address, "https")


@pytest.mark.parametrize("listed", ["https://x.test", "a b", "*", "*.", "10.0.0.1/8", "x.test:80"])
def test_a_list_that_makes_no_sense_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match="expected hosts such as"):
        Destinations((listed,))


def test_without_a_list_nobody_is_called() -> None:
    with pytest.raises(BadCallback):
        Destinations(()).target("https://api.example.com/")
