"""What a credentials file may say of issuers and claims, and what is said of one that is wrong."""

from typing import Any

import pytest

from prack_grpc.private.credentials import parse
from prack_grpc.private.jwt.issuers import Claims
from tests.support.issuer import table

FILE = table("keys.json")
TOKEN = '[[token]]\nname = "ci"\nrole = "worker"\nissuer = "idp"\n'
GOOD = FILE + TOKEN + 'claims.sub = "repo:acme/shop:*"\n'


def asked(text: str) -> Claims:
    """What the only entry asks for, if its `claims` are these lines."""
    (entry,) = parse(FILE + TOKEN + text)
    assert isinstance(entry.proof, Claims)
    return entry.proof


def test_a_whole_entry() -> None:
    (entry,) = parse(GOOD + 'services = ["shop"]\nslots = 4\nexpires = 2027-03-01\n')
    assert isinstance(entry.proof, Claims)
    issuer = entry.proof.issuer
    assert (issuer.name, issuer.audience, issuer.url) == ("idp", "prack", None)
    assert entry.proof.patterns == ((("sub",), "repo:acme/shop:*"),)
    assert entry.scope.services == {"shop"}
    assert entry.scope.slots == 4


@pytest.mark.parametrize(
    ("text", "claims", "fits"),
    [
        ('claims.sub = "a"', {"sub": "a"}, True),
        ('claims.sub = "a"', {"sub": "ab"}, False),
        ('claims.sub = "a"', {"sub": "A"}, False),
        ('claims.sub = "a"', {"sub": "a\n"}, False),
        ('claims.sub = "a"', {}, False),
        ('claims.sub = "a"', {"sub": 1}, False),
        ('claims.sub = "a"', {"sub": {"a": "a"}}, False),
        ('claims.sub = "*"', {"sub": None}, False),
        ('claims.sub = "repo:acme/*:main"', {"sub": "repo:acme/shop\n:main"}, True),
        ('claims.sub = "repo:acme/*:main"', {"sub": "repo:acme-evil/shop:main"}, False),
        ('claims.sub = "a.c[d]?"', {"sub": "abcd"}, False),
        ('claims.sub = "a.c[d]?"', {"sub": "a.c[d]?"}, True),
        ('claims.groups = "ops"', {"groups": ["dev", "ops"]}, True),
        ('claims.groups = "ops"', {"groups": ["dev", ["ops"], 1]}, False),
        ('claims.realm_access.roles = "ops"', {"realm_access": {"roles": ["ops"]}}, True),
        ('claims.realm_access.roles = "ops"', {"realm_access": "ops"}, False),
        ('claims = {sub = "a", ref = "m*"}', {"sub": "a", "ref": "main"}, True),
        ('claims = {sub = "a", ref = "m*"}', {"sub": "a", "ref": "dev"}, False),
        ('claims."kubernetes.io".namespace = "x"', {"kubernetes.io": {"namespace": "x"}}, True),
    ],
)
def test_all_claims_of_an_entry_must_fit(text: str, claims: dict[str, Any], fits: bool) -> None:
    assert asked(text).match(claims) is fits


@pytest.mark.parametrize("jwks", ["https://issuer.example/keys", "https://issuer.example:8443"])
def test_keys_may_be_at_a_url(jwks: str) -> None:
    (entry,) = parse(GOOD.replace("keys.json", jwks))
    assert isinstance(entry.proof, Claims)
    assert entry.proof.issuer.url is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("issuer = 1", "expected nothing but [[token]] and [[issuer]] tables"),
        ("[[issuer]]\nissuer = 'x'", "issuer 1: name: expected up to 64 letters"),
        (FILE + GOOD, "issuer 2: name: expected up to 64 letters, digits and ._-, each once"),
        (GOOD.replace("audience", "aud"), "issuer idp: aud: unknown key; expected name, issuer, "),
        (GOOD.replace('audience = "prack"', ""), "issuer idp: audience: expected a text"),
        (GOOD.replace('"prack"', "['prack']"), "issuer idp: audience: expected a text"),
        (GOOD.replace("keys.json", ""), "issuer idp: jwks: expected a text"),
        (GOOD.replace("keys.json", "http://x/keys"), "idp: jwks: expected a path, or an https URL"),
        (GOOD.replace("keys.json", "https://u:p@x/"), "jwks: expected a path, or an https URL"),
        (GOOD.replace("keys.json", "https://x/#f"), "jwks: expected a path, or an https URL"),
        (GOOD.replace("keys.json", "https:///keys"), "jwks: expected a path, or an https URL"),
        (GOOD.replace("keys.json", "https://x:y/"), "jwks: expected a path, or an https URL"),
        (GOOD.replace("keys.json", "https://[x/"), "jwks: expected a path, or an https URL"),
        (table("k", ca="ca.pem"), "issuer idp: ca: only for a jwks that is a URL"),
        (FILE + TOKEN, "token ci: claims: expected what a claim must be"),
        (FILE + TOKEN + "claims = {}", "token ci: claims: expected what a claim must be"),
        (FILE + TOKEN + "claims = 'x'", "token ci: claims: expected what a claim must be"),
        (FILE + TOKEN + "claims.a.b = 1", "token ci: claims.a.b: expected what a claim must be"),
        (FILE + TOKEN + "claims.sub = ''", "token ci: claims.sub: expected what a claim must be"),
        (GOOD.replace('= "idp"\nc', '= "x"\nc'), "token ci: issuer: expected the name of an"),
        (GOOD.replace('issuer = "idp"\nc', "c"), "token ci: hash: expected one of hash, cert"),
        (GOOD + "certificate = 'x'", "token ci: issuer: expected one of hash, certificate, issuer"),
        (GOOD + GOOD.replace(FILE, "").replace("ci", "b"), "claims: the same in ci, b"),
    ],
)
def test_a_mistake_is_told_by_table_and_field(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is looked at
        parse(text)
    assert said in str(caught.value)
