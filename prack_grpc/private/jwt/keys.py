"""The public keys of an issuer: a JWK set (RFC 7517), of which only signatures are of use."""

import json
import logging
from typing import Any

import jwt

from prack_grpc.private.jwt.issuers import Issuer
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# What a key is for is said by the key, never by a token (RFC 8725 section 3.1).
ALGORITHMS = ("RS256", "ES256", "EdDSA")
MAX_JWKS = 256 * 1024  # bytes
MAX_KEYS = 100
MIN_RSA = 2048  # bits
REMEMBERED = "the keys of an issuer cannot be had; those that were known still count"


class BadKeys(Exception):
    """This is no set of keys that could be used; the message says why."""


class Keys:
    """The keys of one issuer, by name. A key that stays in the set stays the same object.

    `number` is that of the set, which counts up.

    How they are had is for `sources`. House rule: a set that cannot be had or used changes nothing.
    """

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.number = 0
        self._known: dict[str, tuple[Any, jwt.PyJWK]] = {}
        self._complaint = Complaint(log, "keys_unavailable", REMEMBERED)

    def of(self, kid: object) -> jwt.PyJWK | None:
        """The key of this name."""
        known = self._known.get(kid) if isinstance(kid, str) else None
        return known[1] if known else None

    def look(self) -> None:
        """See whether there are others by now. Called some times a second."""

    def miss(self) -> None:
        """A token has a key that is not known."""

    async def ready(self) -> None:
        """Returns once they have come, or could not be had."""

    def close(self) -> None:
        """Nobody needs them any more."""

    def take(self, content: bytes) -> None:
        """These count from now on. Raises BadKeys, with nothing changed."""
        before = self._known
        found = {
            kid: before[kid] if kid in before and before[kid][0] == about else (about, key)
            for kid, about, key in _read(content)
        }
        if not found:
            raise BadKeys(f"expected a key with a kid for {', '.join(ALGORITHMS)}")
        self._known = found
        self.number += 1

    def complain(self, error: Exception) -> None:
        """Tell that they cannot be had."""
        reason = str(error) or type(error).__name__
        self._complaint.make(issuer=self.issuer.name, jwks=self.issuer.jwks, reason=reason)


def _read(content: bytes) -> list[tuple[str, Any, jwt.PyJWK]]:
    if len(content) > MAX_JWKS:
        raise BadKeys(f"expected at most {MAX_JWKS} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise BadKeys("expected JSON") from None
    keys = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise BadKeys(f"expected an object with at most {MAX_KEYS} keys")
    return [(about["kid"], about, key) for about in keys if (key := _key(about))]


def _key(about: Any) -> jwt.PyJWK | None:
    """A key that verifies; sets have others as well."""
    if not isinstance(about, dict) or not isinstance(about.get("kid"), str):
        return None
    if about.get("use", "sig") != "sig" or about.get("alg") not in (None, *ALGORITHMS):
        return None
    try:
        key = jwt.PyJWK(about)
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    weak = key.algorithm_name == "RS256" and key.key.key_size < MIN_RSA
    return None if weak or key.algorithm_name not in ALGORITHMS else key
