"""Who a caller is by its certificate: the names that its authority has signed."""

from collections.abc import Iterable, Mapping
from typing import Any


def name_of(dns: Iterable[str], uris: Iterable[str], common: Iterable[str]) -> str | None:
    """The first DNS name, or else the first URI, or else the common name (RFC 6125 section 6.4.4).

    None without any: a certificate that says nothing, or none at all.
    """
    return next((name for names in (dns, uris, common) for name in names), None)


def of_connection(about: Mapping[str, Any] | None) -> str | None:
    """The same, of what the `ssl` module tells of a peer."""
    if not about:
        return None
    alternatives = about.get("subjectAltName", ())
    dns, uris = ([name for of, name in alternatives if of == kind] for kind in ("DNS", "URI"))
    subject = (pair for pairs in about.get("subject", ()) for pair in pairs)
    return name_of(dns, uris, (value for name, value in subject if name == "commonName"))
