"""Which keys of a set count."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import get_default_algorithms

from prack_grpc.private.jwt import issuers
from prack_grpc.private.jwt.keys import MAX_JWKS, MAX_KEYS, BadKeys, Keys
from tests.support.issuer import AUDIENCE, URL, Issuer

ISSUER = issuers.Issuer("idp", URL, AUDIENCE, "keys.json")


@pytest.fixture
def issuer() -> Issuer:
    """One with a key of each kind."""
    issuer = Issuer("ES256")
    issuer.renew("rsa", "RS256")
    issuer.renew("ed", "EdDSA")
    return issuer


def weak() -> dict[str, Any]:
    key = rsa.generate_private_key(65537, 1024).public_key()  # noqa: S505 - it is to be refused
    made: dict[str, Any] = get_default_algorithms()["RS256"].to_jwk(key, as_dict=True)
    return made | {"kid": "bad"}


def changed(number: int, **more: Any) -> dict[str, Any]:
    """One of the good keys, with something else in it."""
    return {**Issuer(("ES256", "RS256")[number]).public()[0], "kid": "bad", **more}


def test_three_algorithms_count(issuer: Issuer) -> None:
    keys = Keys(ISSUER)
    keys.take(issuer.jwks().encode())
    found = {kid: key.algorithm_name for kid in issuer.keys if (key := keys.of(kid))}
    assert found == {"first": "ES256", "rsa": "RS256", "ed": "EdDSA"}
    for kid in ("none", None, 1, ["first"]):
        assert keys.of(kid) is None


@pytest.mark.parametrize(
    "bad",
    [
        {"kid": "bad", "kty": "oct", "k": "c2VjcmV0", "alg": "HS256"},
        {"kid": "bad", "kty": "RSA"},
        {"kid": "bad", "kty": "RSA", "n": 1, "e": []},
        {"kid": "bad"},
        "text",
        changed(0, use="enc"),
        changed(0, kid=1),
        changed(0, crv="P-384"),
        changed(1, alg="RS512"),
        changed(1, alg="none"),
        changed(1, alg="HS256"),
        changed(1, alg=["RS256"]),
        weak(),
    ],
)
def test_other_keys_are_passed_over(issuer: Issuer, bad: Any) -> None:
    keys = Keys(ISSUER)
    keys.take(json.dumps({"keys": [bad, *issuer.public()]}).encode())
    assert keys.of("bad") is None
    assert keys.of("first") is not None


def test_a_key_that_stays_is_the_same_and_one_that_goes_is_gone(issuer: Issuer) -> None:
    keys = Keys(ISSUER)
    keys.take(issuer.jwks().encode())
    first, ed = keys.of("first"), keys.of("ed")
    del issuer.keys["rsa"]
    issuer.renew("ed", "EdDSA")
    keys.take(issuer.jwks().encode())
    assert keys.of("first") is first
    assert keys.of("rsa") is None
    assert keys.of("ed") not in (None, ed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected JSON"),
        (b"\xff", "expected JSON"),
        (b"[" * 100_000, "expected JSON"),
        (b"[]", "expected an object with at most 100 keys"),
        (b'{"keys": {}}', "expected an object with at most 100 keys"),
        (json.dumps({"keys": [0] * (MAX_KEYS + 1)}).encode(), "at most 100 keys"),
        (b'{"keys": []}', "expected a key with a kid for RS256, ES256, EdDSA"),
        (b" " * (MAX_JWKS + 1), "expected at most 262144 bytes"),
    ],
)
def test_a_set_that_is_none_changes_nothing(issuer: Issuer, content: bytes, said: str) -> None:
    keys = Keys(ISSUER)
    keys.take(issuer.jwks().encode())
    with pytest.raises(BadKeys, match=said):
        keys.take(content)
    assert keys.of("first") is not None
