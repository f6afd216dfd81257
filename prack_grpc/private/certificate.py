"""Who a caller is by its certificate: the names that its authority has signed."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

DNS = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
URI = re.compile(r"[a-z][a-z0-9+.-]*:[!-~]+")
EXPECTED = "certificate: expected a DNS name or a URI that stands in it as a whole"


class Certificate(NamedTuple):
    """The `name` is for people. Credentials know the `alternatives`: DNS names, then URIs."""

    name: str
    alternatives: tuple[str, ...]


def alternative(value: object) -> str:
    """A name as certificates have it (RFC 5280 section 4.2.1.6). Raises ValueError."""
    if isinstance(value, str):
        if DNS.fullmatch(value.lower()):
            return value.lower()
        if URI.fullmatch(value):
            return value
    raise ValueError(EXPECTED)


def certificate(
    dns: Iterable[str], uris: Iterable[str], common: Iterable[str]
) -> Certificate | None:
    """That with these names. It is called by the first DNS name, or else URI, or else common name.

    None without any: a certificate that says nothing, or none at all (RFC 6125 section 6.4.4).
    """
    alternatives = (*(name.lower() for name in dns), *uris)
    name = next((name for names in (alternatives, common) for name in names), None)
    return None if name is None else Certificate(name, alternatives)


def of_connection(about: Mapping[str, Any] | None) -> Certificate | None:
    """The same, of what the `ssl` module tells of a peer."""
    if not about:
        return None
    alternatives = about.get("subjectAltName", ())
    dns, uris = ([name for of, name in alternatives if of == kind] for kind in ("DNS", "URI"))
    subject = (pair for pairs in about.get("subject", ()) for pair in pairs)
    return certificate(dns, uris, (value for name, value in subject if name == "commonName"))
