"""The credentials file: who is known, by what, and what that allows.

    [[token]]
    name = "shop-1"
    role = "worker"
    hash = "sha256:..."                     # of the secret, in hex
    services = ["shop"]                     # these five are for workers; what is left out is free
    routes = ["shop.example.com/*"]
    tiers = [0, 1]
    slots = 16
    websocket_slots = 1000
    expires = 2027-03-01T00:00:00Z

In place of `hash` there may be `certificate`, a name in one, or `issuer` with `claims`: see
`jwt/issuers.py`.
A secret has 256 random bits, so a plain hash of it cannot be undone (docs/decisions/0029).
"""

import difflib
import hashlib
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import partial
from pathlib import Path
from typing import Any

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.limits import MAX_TIER, MIB
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import LABEL, LABEL_EXPECTED, Principal, Right, Scope
from prack_grpc.private.certificate import alternative
from prack_grpc.private.jwt.issuers import NAME, NAME_EXPECTED, Claims, Issuer, claims, issuers

ROLES = {
    "worker": frozenset((Right.WORK,)),
    "operator": frozenset((Right.READ, Right.OPERATE)),
    "viewer": frozenset((Right.READ,)),
}
# What logs call those without an entry.
RESERVED = ("anyone", "token", "admin-token")
HASH = re.compile(r"sha256:([0-9a-f]{64})")
MAX_FILE = MIB
MAX_SLOTS = 10_000
# By what somebody is known: the digest of his secret, a name in his certificate, or his token.
Proof = bytes | str | Claims
PROOFS = ("hash", "certificate", "issuer")
SCOPE = ("services", "routes", "tiers", "slots", "websocket_slots")
FIELDS = {bytes: "hash", str: "certificate", Claims: "claims"}


class BadCredentials(Exception):
    """The file cannot be used; the message names it, the entry and the field."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Who is known by this proof. `expires` is in Unix seconds, or infinite."""

    name: str
    role: str
    proof: Proof
    scope: Scope
    expires: float

    def principal(self, name: str = "", subject: str = "") -> Principal:
        """A new principal with these rights; a token has a name of its own, and a subject."""
        rights = ROLES[self.role]
        return Principal(name or self.name, rights, self.scope, entry=self.name, subject=subject)


def digest(secret: bytes) -> bytes:
    """By which a secret is looked up: the time of that tells nothing about the secret."""
    return hashlib.sha256(secret).digest()


def read(path: Path) -> list[Entry]:
    """The entries of the file. Raises BadCredentials."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE + 1)
        if len(content) > MAX_FILE:
            raise BadCredentials(f"{path}: larger than {MAX_FILE} bytes")
        return parse(content.decode())
    except OSError as error:
        raise BadCredentials(f"{path}: cannot read it: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadCredentials(f"{path}: expected TOML in UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise BadCredentials(f"{path}: {error}") from None


def parse(text: str) -> list[Entry]:
    """The entries of a file with this text. Raises ValueError."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"expected TOML: {error}") from None
    tokens, told = found.pop("token", []), found.pop("issuer", [])
    if found or not (_are_tables(tokens) and _are_tables(told)):
        raise ValueError("expected nothing but [[token]] and [[issuer]] tables")
    known = issuers(told)
    entries = [_entry(token, number, known) for number, token in enumerate(tokens, 1)]
    for part in ("name", "proof"):
        values = [getattr(entry, part) for entry in entries]
        if twice := [entry for entry in entries if values.count(getattr(entry, part)) > 1]:
            field = FIELDS[type(twice[0].proof)] if part == "proof" else part
            names = ", ".join(entry.name for entry in twice)
            raise ValueError(f"{field}: the same in {names}; each token has its own")
    return entries


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _entry(token: dict[str, Any], number: int, known: dict[str, Issuer]) -> Entry:
    name = token.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name) or name in RESERVED:
        expected = f"{NAME_EXPECTED}, and none of {', '.join(RESERVED)}"
        raise ValueError(f"token {number}: name: {expected}")
    for key in token.keys() - PARTS.keys():
        near = difflib.get_close_matches(key, PARTS.keys() - token.keys(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"token {name}: {key}: unknown key{hint}")
    try:
        values = {key: PARTS[key](token.get(key)) for key in PARTS}
        proof = _proof(token, known)
    except ValueError as error:
        raise ValueError(f"token {name}: {error}") from None
    role = values["role"]
    if role != "worker" and (wrong := sorted(token.keys() & SCOPE)):
        raise ValueError(f"token {name}: {wrong[0]}: only workers have it, this is {role}")
    scope = Scope(**{key: values[key] for key in SCOPE})
    return Entry(name, role, proof, scope, values["expires"])


def _proof(token: dict[str, Any], known: dict[str, Issuer]) -> Proof:
    if len(given := [key for key in PROOFS if key in token]) != 1:
        raise ValueError(f"{given[-1] if given else 'hash'}: expected one of {', '.join(PROOFS)}")
    if "claims" in token and "issuer" not in token:
        raise ValueError("claims: only with issuer")
    if "issuer" in token:
        return claims(token, known)
    return _hash(token["hash"]) if "hash" in token else alternative(token["certificate"])


def _role(value: Any) -> str:
    if not isinstance(value, str) or value not in ROLES:
        raise ValueError(f"role: expected one of {', '.join(ROLES)}")
    return value


def _hash(value: Any) -> bytes:
    match = HASH.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("hash: expected sha256: and 64 hex digits")
    return bytes.fromhex(match[1])


def _services(value: Any) -> frozenset[str]:
    services = frozenset(_list("services", value, str))
    if not all(service and LABEL.fullmatch(service) for service in services):
        raise ValueError(f"services: {LABEL_EXPECTED}, and not empty")
    return services


def _routes(value: Any) -> tuple[Route, ...]:
    try:
        return tuple(map(Route.parse, _list("routes", value, str)))
    except BadRoute as error:
        raise ValueError(f"routes: {error}") from None


def _tiers(value: Any) -> frozenset[int]:
    tiers = frozenset(_list("tiers", value, int))
    if not all(0 <= tier <= MAX_TIER for tier in tiers):
        raise ValueError(f"tiers: expected numbers from 0 to {MAX_TIER}")
    return tiers


def _slots(field: str, value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or not 1 <= value <= MAX_SLOTS:
        raise ValueError(f"{field}: expected a number from 1 to {MAX_SLOTS}")
    return value


def _expires(value: Any) -> float:
    if value is None:
        return float("inf")
    if type(value) is date:
        value = datetime.combine(value, time(), UTC)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("expires: expected 2027-03-01, or 2027-03-01T12:00:00Z, without quotes")
    return value.timestamp()


def _list(field: str, value: Any, kind: type) -> Iterator[Any]:
    if value is None:
        return
    if not isinstance(value, list) or not value or not all(type(one) is kind for one in value):
        what = "texts" if kind is str else "numbers"
        raise ValueError(f"{field}: expected a list of {what}; leave it out to allow all")
    yield from value


PARTS: dict[str, Callable[[Any], Any]] = {
    "name": str,
    "role": _role,
    **dict.fromkeys((*PROOFS, "claims"), str),  # which only together mean something
    "services": _services,
    "routes": _routes,
    "tiers": _tiers,
    "slots": partial(_slots, "slots"),
    "websocket_slots": partial(_slots, "websocket_slots"),
    "expires": _expires,
}
