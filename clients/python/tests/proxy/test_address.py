"""Where an application listens, as it is written on a command line."""

import pytest

from prack_worker.proxy.address import (
    PORTS,
    Address,
    free_address,
    free_port,
    parse_address,
    parse_path,
)


@pytest.mark.parametrize(
    ("text", "address", "authority"),
    [
        ("http://127.0.0.1:3000", Address("127.0.0.1", 3000), b"127.0.0.1:3000"),
        ("http://localhost:3000/", Address("localhost", 3000), b"localhost:3000"),
        ("http://app", Address("app", 80), b"app:80"),
        ("http://[::1]:3000", Address("::1", 3000), b"[::1]:3000"),
        ("unix:/run/app.sock", Address(path="/run/app.sock"), b"localhost"),
    ],
)
def test_an_address(text: str, address: Address, authority: bytes) -> None:
    assert parse_address(text) == address
    assert address.authority() == authority
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:3000", "https://app:1", "http://", "http://app:1/path", "http://app:1?q",
        "http://me@app", "http://app:99999", "http://app:port", "unix:app.sock", "3000",
        "unix:/" + 103 * "a",
    ],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|[Pp]ort"):
        parse_address(text)


@pytest.mark.parametrize("text", ["healthz", "/a b", "/a#b", "http://a/"])
def test_a_path_is_what_a_request_has(text: str) -> None:
    assert parse_path("/healthz?full=1") == "/healthz?full=1"
    with pytest.raises(ValueError, match="expected a path"):
        parse_path(text)


def test_a_free_address_is_a_new_one_each_time() -> None:
    assert free_address() != free_address()


def test_a_free_port_is_none_of_those_that_were_given_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = free_port() - PORTS.start
    numbers = iter([first, first, (first + 1) % len(PORTS), (first + 2) % len(PORTS)])
    monkeypatch.setattr("secrets.randbelow", lambda _: next(numbers))
    assert free_port() != PORTS.start + first
