"""Whom a token of an issuer names (RFC 7519, with the advice of RFC 8725).

House rules: nothing of a token is believed before its signature; a token that was verified is
remembered, so that it is verified once; each is a principal of its own, until its end.
"""

import asyncio
import contextlib
import logging
import string
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt

from prack_grpc.core.worker import Principal
from prack_grpc.private.credentials import BadCredentials, Entry, digest
from prack_grpc.private.jwt.issuers import Claims, Issuer
from prack_grpc.private.jwt.keys import BadKeys, Keys
from prack_grpc.private.jwt.sources import keys as keys_of
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

MAX_TOKEN = 8 * 1024  # bytes
MAX_SUBJECT = 255  # OpenID Connect Core 1.0 section 2
MOST_REMEMBERED = 5_000  # tokens of one entry
MOST_WAITING = 5.0  # seconds that a start may take longer for a server of keys
REQUIRED = ["exp", "iss", "aud", "sub"]
LEEWAY = 10.0  # seconds that the issuer's clock may be ahead; `exp` has none, as sessions end there
SOON = 30.0  # seconds in which a worker can dial again with its next token
UNESCAPED = string.punctuation.replace("%", "")


class Refused(Exception):
    """The token names nobody; the message says why."""


@dataclass(slots=True)
class Verified:
    """A token that was believed: as whom, until when, by which key, and what it says.

    `lasts` is whether it is not known to end soon.
    """

    principal: Principal
    until: float
    kid: object
    key: jwt.PyJWK
    claims: dict[str, Any]
    lasts: bool

    @property
    def due(self) -> float:
        """When something is to be done about it."""
        return self.until - SOON if self.lasts else self.until


class Tokens:
    """The tokens that are believed, by the entries of a credentials file; paths are below `folder`.

    Of too many tokens of one entry the oldest makes room, and its sessions end.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._keys: dict[Issuer, Keys] = {}
        self._known: dict[Entry, dict[bytes, Verified]] = {}
        self._gone: list[Principal] = []
        self._ending: list[Principal] = []
        self._due = float("inf")  # when a token is the next to end, or to be told so
        self._sets: list[int] = []
        text = "refused a token of an issuer"
        self._complaint = Complaint(log, "jwt_refused", text, most=10)

    def trust(self, issuers: Iterable[Issuer]) -> None:
        """Only these, from now on. Raises BadCredentials, with nothing changed."""
        known = {}
        for issuer in issuers:
            try:
                known[issuer] = self._keys.get(issuer) or keys_of(issuer, self._folder)
            except BadKeys as error:
                raise BadCredentials(f"issuer {issuer.name}: {error}") from None
        for issuer, keys in self._keys.items():
            if issuer not in known:
                keys.close()
        self._keys = known

    async def ready(self) -> None:
        """Returns once the keys have come, or could not be had; or have taken too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MOST_WAITING):
                for keys in self._keys.values():
                    await keys.ready()

    def close(self) -> None:
        """Fetch no keys any more."""
        for keys in self._keys.values():
            keys.close()

    def allow(self, entries: Iterable[Entry]) -> None:
        """Only these, from now on; the first that fits a token counts."""
        before, self._known = self._known, {entry: {} for entry in entries}
        if list(before) == list(self._known):
            self._known = before
            return
        for entry, tokens in before.items():
            for token, one in tokens.items():
                if self._entry(_claims(entry).issuer, one.claims) == entry:
                    self._known[entry][token] = one
                else:
                    self._gone.append(one.principal)

    def look(self, now: float) -> list[Principal]:
        """Whose tokens have ended since the last look, or are believed no more."""
        for keys in self._keys.values():
            keys.look()
        sets = [keys.number for keys in self._keys.values()]
        if now >= self._due or sets != self._sets:
            self._sets = sets
            self._sweep(now)
        gone, self._gone = self._gone, []
        return gone

    def ending(self) -> list[Principal]:
        """Whose tokens were found to end soon; each is told once, if it was not so when it came."""
        ending, self._ending = self._ending, []
        return ending

    def who(self, token: bytes) -> Principal | None:
        """Whose token this is."""
        key = digest(token)
        for tokens in self._known.values():
            if known := tokens.get(key):
                return known.principal
        if len(token) > MAX_TOKEN or token.count(b".") != 2:
            return None
        try:
            said = jwt.decode_complete(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            return None
        issuers = [one for one in self._keys if one.issuer == said["payload"].get("iss")]
        for issuer in issuers:
            try:
                return self._believe(token, key, issuer, said["header"].get("kid"))
            except (Refused, jwt.PyJWTError) as error:
                self._complaint.make(issuer=issuer.name, reason=str(error))
        return None

    def named(self, name: str) -> Principal | None:
        """Whose name this is."""
        all_ = (one.principal for tokens in self._known.values() for one in tokens.values())
        return next((who for who in all_ if who.name == name), None)

    def _believe(self, token: bytes, hashed: bytes, issuer: Issuer, kid: object) -> Principal:
        """Remember who this is. Raises Refused, jwt.PyJWTError."""
        key = self._keys[issuer].of(kid)
        if key is None:
            self._keys[issuer].miss()
            raise Refused(f"the key {str(kid)[:64]} is not known")
        claims = _verified(token, key, issuer)
        entry = self._entry(issuer, claims)
        if entry is None:
            raise Refused(f"no entry has such claims, sub is {claims['sub']}")
        name = f"{issuer.name}:{quote(claims['sub'], safe=UNESCAPED)}#{hashed.hex()[:8]}"
        who = entry.principal(name, claims["sub"])
        tokens = self._known[entry]
        if len(tokens) == MOST_REMEMBERED:
            self._gone.append(tokens.pop(next(iter(tokens))).principal)
        until = min(claims["exp"], entry.expires)
        one = Verified(who, until, kid, key, claims, lasts=until > time.time() + SOON)
        tokens[hashed] = one
        self._due = min(self._due, one.due)
        return who

    def _entry(self, issuer: Issuer, claims: dict[str, Any]) -> Entry | None:
        for entry in self._known:
            asked = _claims(entry)
            if asked.issuer == issuer and asked.match(claims):
                return entry
        return None

    def _sweep(self, now: float) -> None:
        """Look at every token, as it is time for one of them or keys have changed."""
        self._due = float("inf")
        for entry, tokens in self._known.items():
            keys = self._keys[_claims(entry).issuer]
            for token, one in list(tokens.items()):
                if one.until <= now or keys.of(one.kid) is not one.key:
                    self._gone.append(tokens.pop(token).principal)
                    continue
                if one.lasts and one.due <= now:
                    one.lasts = False
                    self._ending.append(one.principal)
                self._due = min(self._due, one.due)


def _verified(token: bytes, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    """The claims of a token that holds. Raises Refused, jwt.PyJWTError."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.issuer,
            leeway=LEEWAY,
            options={"require": REQUIRED},
        )
    except jwt.InvalidAlgorithmError:
        said = str(jwt.get_unverified_header(token).get("alg"))[:64]
        raise Refused(f"alg: expected {key.algorithm_name}, as its key is, not {said}") from None
    if type(claims["exp"]) not in (int, float) or claims["exp"] <= time.time():
        raise Refused("it has expired")
    if not 0 < len(claims["sub"]) <= MAX_SUBJECT:
        raise Refused(f"sub: expected up to {MAX_SUBJECT} characters")
    return claims


def _claims(entry: Entry) -> Claims:
    assert isinstance(entry.proof, Claims)  # noqa: S101 - others are not for tokens
    return entry.proof
