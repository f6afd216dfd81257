"""Whose token is believed, and how others try."""

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from prack_grpc.core.worker import Principal, Right
from prack_grpc.private.credentials import BadCredentials
from prack_grpc.private.jwt import tokens
from prack_grpc.private.principals import Principals
from tests.support.issuer import AUDIENCE, URL, Issuer, table

ENTRIES = """
[[token]]
name = "shop"
role = "worker"
issuer = "idp"
claims.sub = "shop:*"
services = ["shop"]

[[token]]
name = "ops"
role = "operator"
issuer = "idp"
claims.groups = "ops"
"""


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def path(tmp_path: Path, issuer: Issuer) -> Path:
    """A credentials file, with the keys of an issuer beside it."""
    (tmp_path / "keys.json").write_text(issuer.jwks())
    path = tmp_path / "credentials"
    path.touch(0o600)
    path.write_text(table("keys.json") + ENTRIES)
    return path


@pytest.fixture
def known(path: Path) -> Principals:
    return Principals(path, time.time())


def believed(known: Principals, token: str) -> Principal:
    who = known.bearer(token.encode())
    assert who is not None
    return who


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_token_has_the_rights_of_the_entry_that_it_fits(path: Path, algorithm: str) -> None:
    issuer = Issuer(algorithm)
    (path.parent / "keys.json").write_text(issuer.jwks())
    known = Principals(path, time.time())
    token = issuer.token("shop:main")
    who = believed(known, token)
    name = f"idp:shop:main#{hashlib.sha256(token.encode()).hexdigest()[:8]}"
    assert (who.name, who.entry) == (name, "shop")
    assert who.rights == {Right.WORK}
    assert who.scope.services == {"shop"}
    assert known.named(name) is who
    operator = believed(known, issuer.token("anna", groups=["dev", "ops"]))
    assert operator.rights == {Right.READ, Right.OPERATE}


def test_the_first_entry_that_fits_counts(known: Principals, issuer: Issuer) -> None:
    assert believed(known, issuer.token("shop:main", groups=["ops"])).entry == "shop"


def test_a_token_is_verified_once(
    known: Principals, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token("shop:a")
    who = believed(known, token)
    monkeypatch.delattr(jwt, "decode")
    assert believed(known, token) is who


def test_each_token_is_a_principal_of_its_own(known: Principals, issuer: Issuer) -> None:
    one, other = (believed(known, issuer.token("shop:a", jti=jti)) for jti in "ab")
    assert one is not other
    assert one.name != other.name
    assert one.entry == other.entry


def test_a_name_has_nothing_that_needs_an_escape(known: Principals, issuer: Issuer) -> None:
    who = believed(known, issuer.token("shop:\x1b[31m a\n%ü"))
    assert who.name.partition("#")[0] == "idp:shop:%1B[31m%20a%0A%25%C3%BC"


def now(more: float) -> float:
    return time.time() + more


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"sub": "other"}, "no entry has such claims, sub is other"),
        ({"sub": None}, 'missing the "sub" claim'),
        ({"sub": "shop:" + "x" * 255}, "sub: expected up to 255 characters"),
        ({"aud": None}, 'missing the "aud" claim'),
        ({"aud": "elsewhere"}, "Audience doesn't match"),
        ({"aud": AUDIENCE.upper()}, "Audience doesn't match"),
        ({"aud": []}, "aud"),
        ({"exp": None}, 'missing the "exp" claim'),
        ({"exp": lambda: now(-0.001)}, "it has expired"),
        ({"exp": lambda: now(-60)}, "Signature has expired"),
        ({"exp": lambda: str(int(now(60)))}, "it has expired"),
        ({"exp": "soon"}, "exp"),
        ({"exp": True}, "expired"),
        ({"exp": float("inf")}, "exp"),
        ({"exp": float("nan")}, "exp"),
        ({"nbf": lambda: now(60)}, "not yet valid"),
        ({"iat": lambda: now(60)}, "not yet valid"),
    ],
)
def test_claims_that_do_not_hold_are_refused(
    known: Principals,
    issuer: Issuer,
    claims: dict[str, Any],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    about = {name: value() if callable(value) else value for name, value in claims.items()}
    assert known.bearer(issuer.token(**{"sub": "shop:a", **about}).encode()) is None
    (line,) = map(vars, caplog.records)
    assert (line["action"], line["issuer"]) == ("jwt_refused", "idp")
    assert said in line["reason"]


@pytest.mark.parametrize(
    "claims", [{"aud": ["x", AUDIENCE]}, {"nbf": now(5)}, {"iat": now(5)}, {"nbf": 0}]
)
def test_clocks_may_differ_a_little_and_audiences_be_many(
    known: Principals, issuer: Issuer, claims: dict[str, Any]
) -> None:
    believed(known, issuer.token("shop:a", **claims))


def encoded(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(issuer: Issuer, header: object, sign: Callable[[bytes], bytes] = lambda _: b"") -> str:
    """A token with this header, signed as `sign` does."""
    claims = {"iss": URL, "aud": AUDIENCE, "sub": "shop:a", "exp": now(60)}
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{encoded(sign(signed.encode()))}"


def hs256(issuer: Issuer, alg: str = "HS256") -> str:
    """Signed with the public key, as if that were a secret."""
    public = issuer.keys["first"][1].public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": alg, "kid": "first"}
    return forged(issuer, header, lambda text: hmac.digest(secret, text, "sha256"))


def of_another(issuer: Issuer) -> str:
    return Issuer().token("shop:a")


def changed(issuer: Issuer) -> str:
    """The head and signature of one token around the claims of another."""
    good, other = issuer.token("other").split("."), issuer.token("shop:a").split(".")
    return ".".join((good[0], other[1], good[2]))


def other_bits(issuer: Issuer) -> str:
    """A second spelling of a good token: its last bits say nothing."""
    token = issuer.token("shop:a", {"kid": "first"})
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) ^ 1]


ATTACKS: dict[str, Callable[[Issuer], str]] = {
    "alg none": lambda one: forged(one, {"alg": "none", "kid": "first"}),
    "alg None": lambda one: forged(one, {"alg": "None", "kid": "first"}),
    "no alg": lambda one: forged(one, {"kid": "first"}),
    "alg list": lambda one: forged(one, {"alg": ["ES256"], "kid": "first"}),
    "empty signature": lambda one: forged(one, {"alg": "ES256", "kid": "first"}),
    "zero signature": lambda one: forged(
        one, {"alg": "ES256", "kid": "first"}, lambda _: bytes(64)
    ),
    "HS256 with the public key": hs256,
    "the same as ES256": lambda one: hs256(one, "ES256"),
    "another algorithm": lambda one: forged(one, {"alg": "RS256", "kid": "first"}),
    "no kid": lambda one: one.token("shop:a", {"kid": None}),
    "unknown kid": lambda one: one.token("shop:a", {"kid": "nobody"}),
    "kid is a path": lambda one: one.token("shop:a", {"kid": "../keys.json"}),
    "kid is a list": lambda one: forged(one, {"alg": "ES256", "kid": ["first"]}),
    "its own key": lambda one: forged(one, {"alg": "ES256", "jwk": one.public()[0]}),
    "its own url": lambda one: forged(one, {"alg": "ES256", "jku": "https://evil.example"}),
    "unknown crit": lambda one: one.token("shop:a", {"crit": ["x"], "x": 1}),
    "detached": lambda one: forged(one, {"alg": "ES256", "b64": False, "crit": ["b64"]}),
    "another issuer's key": of_another,
    "another iss": lambda one: one.token("shop:a", iss="https://evil.example"),
    "iss with a slash": lambda one: one.token("shop:a", iss=f"{URL}/"),
    "iss is a list": lambda one: one.token("shop:a", iss=[URL]),
    "no iss": lambda one: one.token("shop:a", iss=None),
    "changed": changed,
    "other bits": other_bits,
    "huge": lambda one: one.token("shop:a", more="x" * tokens.MAX_TOKEN),
    "deep header": lambda _: f"{encoded(b'[' * 3000)}.e30.e30",
    "deep claims": lambda _: f"{encoded({'alg': 'ES256'})}.{encoded(b'[' * 3000)}.e30",
    "no JSON": lambda _: "e30.e.e30",
    "a list": lambda _: f"{encoded([])}.{encoded([])}.e30",
    "dots": lambda _: "..",
    "more dots": lambda one: one.token("shop:a") + ".e30",
    "five parts": lambda _: "e30.e30.e30.e30.e30",
}


@pytest.mark.parametrize("alg", ["RS256", "none"])
def test_another_algorithm_than_that_of_the_key_is_named(
    known: Principals, issuer: Issuer, alg: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert known.bearer(forged(issuer, {"alg": alg, "kid": "first"}).encode()) is None
    (line,) = map(vars, caplog.records)
    assert line["reason"] == f"alg: expected ES256, as its key is, not {alg}"


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_nobody(known: Principals, issuer: Issuer, attack: str) -> None:
    assert known.bearer(ATTACKS[attack](issuer).encode()) is None
    assert known.bearer(issuer.token("shop:a").encode()) is not None


def test_bytes_that_are_no_text_are_no_token(known: Principals) -> None:
    assert known.bearer(b"\xff.\xff.\xff") is None


# ---------------------------------------------------------------- until when


def test_a_token_ends_when_it_says(known: Principals, issuer: Issuer) -> None:
    end = now(30)
    token = issuer.token("shop:a", exp=end)
    who = believed(known, token)
    assert known.look(end - 0.01) == []
    assert known.look(end) == [who]
    assert known.look(end + 1) == []


def test_who_has_a_token_that_ends_soon_is_told_once(known: Principals, issuer: Issuer) -> None:
    end = now(60)
    who = believed(known, issuer.token("shop:a", exp=end))
    believed(known, issuer.token("shop:b", exp=now(tokens.SOON - 1)))
    soon = end - tokens.SOON
    told = []
    for at in (soon - 0.01, soon, soon + 1):
        known.look(at)
        told.append(known.ending())
    assert told == [[], [who], []]


def test_a_token_ends_with_its_entry(path: Path, issuer: Issuer) -> None:
    end = now(30)
    path.write_text(path.read_text() + f"expires = {time.strftime('%FT%TZ', time.gmtime(end))}\n")
    known = Principals(path, time.time())
    who = believed(known, issuer.token("anna", groups="ops"))
    assert who in known.look(end)


@pytest.mark.parametrize(
    "change",
    [("shop:*", "shop2:*"), ('["shop"]', '["a"]'), (AUDIENCE, "other"), ('"ops"\n', '"o"\n')],
)
def test_who_was_changed_or_removed_is_gone(
    path: Path, known: Principals, issuer: Issuer, change: tuple[str, str]
) -> None:
    worker, operator = issuer.token("shop:a"), issuer.token("anna", groups="ops")
    before = {believed(known, worker), believed(known, operator)}
    path.write_text(path.read_text().replace(*change))
    known.look(now(0))
    gone = {who for who in known.look(now(0)) if "#" in who.name}
    ends = {AUDIENCE: before, '"ops"\n': {known_as(before, "ops")}}
    assert gone == ends.get(change[0], {known_as(before, "shop")})


def known_as(all_: set[Principal], entry: str) -> Principal:
    return next(who for who in all_ if who.entry == entry)


def test_who_stays_as_he_was_stays_the_same(path: Path, known: Principals, issuer: Issuer) -> None:
    token = issuer.token("shop:a")
    who = believed(known, token)
    path.write_text(path.read_text() + "# more\n")
    assert [known.look(now(0)) for _ in range(2)] == [[], []]
    assert believed(known, token) is who


def test_an_entry_that_comes_before_it_may_take_a_token_over(
    path: Path, known: Principals, issuer: Issuer
) -> None:
    dev, main = issuer.token("shop:dev"), issuer.token("shop:main")
    who, other = believed(known, dev), believed(known, main)
    narrow = '[[token]]\nname = "d"\nrole = "viewer"\nissuer = "idp"\nclaims.sub = "shop:dev"\n'
    path.write_text(table("keys.json") + narrow + ENTRIES)
    known.look(now(0))
    assert known.look(now(0)) == [who]
    assert believed(known, dev).entry == "d"
    assert believed(known, main) is other


def test_a_key_that_is_withdrawn_ends_its_tokens_and_a_new_one_begins(
    path: Path, known: Principals, issuer: Issuer
) -> None:
    old = issuer.token("shop:a")
    who = believed(known, old)
    keys = path.parent / "keys.json"
    issuer.renew("second")
    keys.write_text(issuer.jwks())
    new = issuer.token("shop:a")
    assert known.bearer(new.encode()) is None
    assert [known.look(now(0)) for _ in range(2)] == [[], []]
    assert believed(known, new) is not who
    assert believed(known, old) is who
    del issuer.keys["first"]
    keys.write_text(issuer.jwks())
    known.look(now(0))
    assert known.look(now(0)) == [who]
    assert known.bearer(old.encode()) is None


def test_of_too_many_tokens_of_an_entry_the_oldest_makes_room(
    known: Principals, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 2)
    other = issuer.token("anna", groups="ops")
    operator = believed(known, other)
    first, *_ = (believed(known, issuer.token("shop:a", jti=str(n))) for n in range(3))
    assert known.look(now(0)) == [first]
    assert believed(known, other) is operator


# ---------------------------------------------------------------- issuers


def test_a_file_with_keys_that_cannot_be_used_changes_nothing(
    path: Path, known: Principals, issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    who = believed(known, token := issuer.token("shop:a"))
    path.write_text(path.read_text().replace("keys.json", "none.json"))
    assert [known.look(now(0)) for _ in range(3)] == [[], [], []]
    assert believed(known, token) is who
    (line,) = caplog.records
    assert f"{path}: issuer idp: jwks: " in line.getMessage()
    with pytest.raises(BadCredentials, match=f"{path}: issuer idp: jwks: .*: cannot read it"):
        Principals(path, now(0))


def test_two_audiences_of_one_issuer_are_two_issuers(path: Path, issuer: Issuer) -> None:
    second = table("keys.json", name="second", audience="other")
    entry = '[[token]]\nname = "b"\nrole = "viewer"\nissuer = "second"\nclaims.sub = "*"\n'
    path.write_text(path.read_text() + second + entry)
    known = Principals(path, now(0))
    assert believed(known, issuer.token("shop:a")).entry == "shop"
    assert believed(known, issuer.token("shop:a", aud="other")).entry == "b"
    assert known.bearer(issuer.token("eve", aud=AUDIENCE).encode()) is None


def test_an_extra_that_is_missing_is_said_so(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("jwt", "tokens", "keys", "sources"):
        module = name if name == "jwt" else f"prack_grpc.private.jwt.{name}"
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "jwt", None)
    with pytest.raises(BadCredentials, match=r"issuer: the extra is not installed .*prack\[jwt\]"):
        Principals(path, now(0))
