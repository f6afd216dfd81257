"""What a credentials file may say, and what is said of one that is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import Right, Scope
from prack_grpc.private.credentials import BadCredentials, digest, parse, read

HASH = f'hash = "sha256:{"0" * 64}"'
GOOD = f'[[token]]\nname = "shop"\nrole = "worker"\n{HASH}\n'
NAMED = GOOD.replace(HASH, 'certificate = "shop-1"')


def test_a_whole_entry() -> None:
    (entry,) = parse(
        GOOD + 'services = ["shop"]\nroutes = ["Shop.test/*", "GET /x/*"]\ntiers = [0, 1]\n'
        "slots = 16\nwebsocket_slots = 1000\nexpires = 2027-03-01T12:00:00+02:00\n"
    )
    assert (entry.name, entry.role, entry.proof) == ("shop", "worker", bytes(32))
    assert entry.scope.services == {"shop"}
    assert entry.scope.routes == (Route("shop.test"), Route("", "/x", frozenset(("GET",))))
    assert entry.scope.tiers == {0, 1}
    assert (entry.scope.slots, entry.scope.websocket_slots) == (16, 1000)
    assert entry.expires == datetime(2027, 3, 1, 10, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("name", "proof"),
    [
        ("shop-1", "shop-1"),
        ("Shop-1.Workers.example", "shop-1.workers.example"),
        ("spiffe://Example/Shop", "spiffe://Example/Shop"),
        ("urn:uuid:1", "urn:uuid:1"),
    ],
)
def test_a_name_in_a_certificate_is_a_proof_as_well(name: str, proof: str) -> None:
    (entry,) = parse(NAMED.replace("shop-1", name))
    assert entry.proof == proof


def test_what_is_left_out_is_free() -> None:
    (entry,) = parse(GOOD)
    assert entry.scope == Scope()
    assert entry.expires == float("inf")
    assert parse("# nobody yet\n") == []


def test_a_date_is_its_first_moment() -> None:
    (entry,) = parse(GOOD + "expires = 2027-03-01\n")
    assert entry.expires == datetime(2027, 3, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("worker", {Right.WORK}),
        ("operator", {Right.READ, Right.OPERATE}),
        ("viewer", {Right.READ}),
    ],
)
def test_a_role_is_what_it_is_for(role: str, rights: set[Right]) -> None:
    (entry,) = parse(GOOD.replace("worker", role))
    assert entry.principal().rights == rights


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tokens = 1", "expected nothing but [[token]] and [[issuer]] tables"),
        ("token = 1", "expected nothing but [[token]] and [[issuer]] tables"),
        ("[[token]]\nrole = 'worker'", "token 1: name: expected up to 64 letters"),
        (GOOD.replace('"shop"', '"a b"'), "token 1: name: expected"),
        (GOOD.replace('"shop"', '"anyone"'), "and none of anyone, token, admin-token"),
        (GOOD + "servces = []", "token shop: servces: unknown key; did you mean services?"),
        (GOOD.replace("worker", "root"), "token shop: role: expected one of worker, operator"),
        (GOOD.replace("sha256", "md5"), "token shop: hash: expected sha256: and 64 hex digits"),
        (GOOD + "services = []", "token shop: services: expected a list of texts; leave it out"),
        (GOOD + "services = ['']", "token shop: services: expected at most 128 visible"),
        (GOOD + "routes = 'shop.test'", "token shop: routes: expected a list of texts"),
        (GOOD + "routes = ['sh!op.test']", "token shop: routes: "),
        (GOOD + "tiers = [10]", "token shop: tiers: expected numbers from 0 to 9"),
        (GOOD + "tiers = [true]", "token shop: tiers: expected a list of numbers"),
        (GOOD + "slots = 0", "token shop: slots: expected a number from 1 to 10000"),
        (GOOD + "websocket_slots = 0", "token shop: websocket_slots: expected a number from 1 to"),
        (GOOD + "slots = 1.5", "token shop: slots: expected a number"),
        (GOOD + "expires = '2027-03-01'", "token shop: expires: expected 2027-03-01"),
        (GOOD + "expires = 2027-03-01T12:00:00", "token shop: expires: expected 2027-03-01"),
        (GOOD.replace("worker", "viewer") + "websocket_slots = 1", "websocket_slots: only worker"),
        (GOOD.replace("worker", "viewer") + "slots = 1", "slots: only workers have it, this is v"),
        (GOOD + GOOD, "name: the same in shop, shop; each token has its own"),
        (GOOD + GOOD.replace('"shop"', '"b"'), "hash: the same in shop, b; each token has its own"),
        (GOOD.replace(HASH, ""), "token shop: hash: expected one of hash, certificate, issuer"),
        (GOOD + 'certificate = "x"', "token shop: certificate: expected one of hash, certific"),
        (GOOD + 'claims.sub = "x"', "token shop: claims: only with issuer"),
        (NAMED.replace("shop-1", "*.example"), "shop: certificate: expected a DNS name or a URI"),
        (NAMED.replace("shop-1", ""), "shop: certificate: expected a DNS name or a URI"),
        (NAMED.replace('"shop-1"', "1"), "shop: certificate: expected a DNS name or a URI"),
        (NAMED.replace("shop-1", "a b"), "shop: certificate: expected a DNS name or a URI"),
        (NAMED + NAMED.replace('"shop"', '"b"').replace("shop-1", "SHOP-1"), "certificate: the s"),
        ("[[token]", "(at line 1"),
    ],
)
def test_a_mistake_is_told_by_entry_and_field(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its text is looked at
        parse(text)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "credentials"
    with pytest.raises(BadCredentials, match=f"{path}: cannot read it: No such file"):
        read(path)
    path.write_bytes(b"\xff")
    with pytest.raises(BadCredentials, match=str(path)):
        read(path)
    path.write_bytes(b"#" * 2**20 + b"#")
    with pytest.raises(BadCredentials, match="larger than 1048576 bytes"):
        read(path)


def test_a_digest_is_what_sha256sum_says() -> None:
    assert digest(b"abc").hex().startswith("ba7816bf8f01cfea")
