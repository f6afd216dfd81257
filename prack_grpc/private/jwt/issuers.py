"""What a credentials file says of issuers, and of those whom it knows by a token of theirs.

[[issuer]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
audience = "https://prack.example.com"
jwks = "https://token.actions.githubusercontent.com/.well-known/jwks"

[[token]]
name = "shop-ci"
role = "worker"
issuer = "github"
claims.sub = "repo:acme/shop:*"
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NAME_EXPECTED = "expected up to 64 letters, digits and ._-"
JWKS_EXPECTED = "jwks: expected a path, or an https URL without a user and a fragment"
CLAIMS_EXPECTED = 'expected what a claim must be, such as claims.sub = "repo:acme/shop:*"'


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose tokens are believed, if they are for this audience. `jwks` and `ca` may be paths."""

    name: str
    issuer: str
    audience: str
    jwks: str
    ca: str = ""

    @property
    def url(self) -> SplitResult | None:
        """Where its keys are; None if they are in a file. Raises ValueError."""
        url = urlsplit(self.jwks)
        if not url.scheme:
            return None
        _ = url.port  # which must be a number
        if url.scheme != "https" or not url.hostname or "@" in url.netloc or url.fragment:
            raise ValueError(JWKS_EXPECTED)
        return url


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token of this issuer must say: patterns by the way to a claim.

    A `*` stands for any text. Of a claim that is a list, one text has to be so.
    """

    issuer: Issuer
    patterns: tuple[tuple[tuple[str, ...], str], ...]

    def match(self, claims: dict[str, Any]) -> bool:
        """Whether a token with these claims is meant."""
        return all(_fits(pattern, _at(claims, way)) for way, pattern in self.patterns)


def issuers(tables: list[dict[str, Any]]) -> dict[str, Issuer]:
    """The issuers of these tables, by name. Raises ValueError."""
    found: dict[str, Issuer] = {}
    for number, table in enumerate(tables, 1):
        name = table.get("name")
        if not isinstance(name, str) or not NAME.fullmatch(name) or name in found:
            raise ValueError(f"issuer {number}: name: {NAME_EXPECTED}, each once")
        try:
            found[name] = _issuer(table)
        except ValueError as error:
            raise ValueError(f"issuer {name}: {error}") from None
    return found


def _issuer(table: dict[str, Any]) -> Issuer:
    fields = Issuer.__dataclass_fields__
    for key, value in table.items():
        if key not in fields:
            raise ValueError(f"{key}: unknown key; expected {', '.join(fields)}")
        if not isinstance(value, str) or not value:
            raise ValueError(f"{key}: expected a text")
    if missing := [key for key in fields if key != "ca" and key not in table]:
        raise ValueError(f"{missing[0]}: expected a text")
    issuer = Issuer(**table)
    try:
        url = issuer.url
    except ValueError:
        raise ValueError(JWKS_EXPECTED) from None
    if issuer.ca and url is None:
        raise ValueError("ca: only for a jwks that is a URL")
    return issuer


def claims(token: dict[str, Any], known: dict[str, Issuer]) -> Claims:
    """What this table asks of a token. Raises ValueError."""
    name = token["issuer"]
    if not isinstance(name, str) or name not in known:
        raise ValueError(f"issuer: expected the name of an [[issuer]] table: {', '.join(known)}")
    patterns = tuple(_patterns(token.get("claims"), ()))
    return Claims(known[name], patterns)


def _patterns(value: Any, way: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, str) and value and way:
        yield way, value
    elif isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _patterns(inner, (*way, key))
    else:
        raise ValueError(f"{'.'.join(('claims', *way))}: {CLAIMS_EXPECTED}")


def _at(claims: dict[str, Any], way: tuple[str, ...]) -> Any:
    found: Any = claims
    for key in way:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _fits(pattern: str, value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    form = ".*".join(map(re.escape, pattern.split("*")))
    return any(isinstance(one, str) and re.fullmatch(form, one, re.DOTALL) for one in texts)
