"""Access to the worker API: with the token if one is set, and never from a web page.

Any web page in a browser on the gateway's machine or network can send requests to this port. They
are recognized by `Origin` or `Sec-Fetch-Site`; those sent to a name of the page's own that resolves
to this address (DNS rebinding), by `Host`. See docs/decisions/0019.
"""

import hmac
import ipaddress
import logging
import re
from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Scope

from prack_grpc.private.errors import CROSS_SITE, UNAUTHENTICATED, UNKNOWN_HOST, ApiError
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

HEALTH = frozenset(("/livez", "/healthz", "/readyz"))
WITHOUT_TOKEN = HEALTH | {"/docs", "/openapi.json"}
LOOPBACK = "localhost"
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^][:@/?#\s]+))(?::\d*)?")
OWN_SITES = (b"same-origin", b"none")
ADVICE = (
    "set a token (--token-file), or allow the name with --api-hosts; "
    "without a token only localhost and loopback addresses are allowed"
)


# The fields of a call that say who makes it.
TELLING = frozenset((b"authorization", b"host", b"origin", b"sec-fetch-site"))
MOST_ADMITTED = 256
Fields = tuple[tuple[bytes, bytes], ...]


class Callers:
    """Without a `token`, a call must name localhost, a loopback address or one of `hosts`.

    `admitted` are fields that may call anything: a worker sends the same with each call.
    """

    def __init__(self, token: str | None, hosts: Iterable[str] = ()) -> None:
        self._token = token.encode() if token else None
        self._names = {LOOPBACK, *map(_name, hosts)}
        text = f"refused a call to the worker API under an unknown name: {ADVICE}"
        self._complaint = Complaint(log, "unknown_host", text)
        self.has_token = token is not None
        self.admitted: set[Fields] = set()

    def admits(self, fields: Fields) -> bool:
        """Whether these fields may call anything. If so, `admitted` has them from now on."""
        scope = {"headers": fields}
        if _from_elsewhere(scope):
            return False
        token, hosts = self._token, _values(scope, b"host")
        if not (self._is_known(hosts) if token is None else _shows(scope, token)):
            return False
        if len(self.admitted) == MOST_ADMITTED:
            self.admitted.clear()
        self.admitted.add(fields)
        return True

    def refusal(self, scope: Scope) -> ApiError | None:
        """The error for a call that must not be served, else None."""
        if _from_elsewhere(scope):
            return ApiError(CROSS_SITE)
        if self._token is None:
            return self._misnamed(scope)
        admitted = scope["path"] in WITHOUT_TOKEN or _shows(scope, self._token)
        return None if admitted else ApiError(UNAUTHENTICATED)

    def _misnamed(self, scope: Scope) -> ApiError | None:
        values = _values(scope, b"host")
        # Probes of load balancers and containers use addresses; the answer reveals nothing.
        if self._is_known(values) or scope["path"] in HEALTH:
            return None
        shown = ", ".join(value[:64].decode("latin-1") for value in values)
        self._complaint.make(host=shown)
        return ApiError(UNKNOWN_HOST, f"{UNKNOWN_HOST.title} (Host: {shown}): {ADVICE}")

    def _is_known(self, hosts: list[bytes]) -> bool:
        # HTTP/1.0 may come without Host; browsers do not use it.
        return len(hosts) <= 1 and all(name_of(host) in self._names for host in hosts)


def _shows(scope: Scope, token: bytes) -> bool:
    values = _values(scope, b"authorization")
    scheme, _, given = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token)


@lru_cache(maxsize=256)
def name_of(host: bytes) -> str:
    """The name in a Host field, `localhost` for any loopback address; empty if malformed."""
    match = HOST.fullmatch(host.decode("latin-1").lower())
    return _name(match[1] or match[2]) if match else ""


def _name(host: str) -> str:
    """One spelling of a name or an address."""
    name = host.lower().removesuffix(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name
    return LOOPBACK if address.is_loopback else str(address)


def _from_elsewhere(scope: Scope) -> bool:
    """Whether a page of another site sent this; workers do not send these fields."""
    if any(site not in OWN_SITES for site in _values(scope, b"sec-fetch-site")):
        return True
    origins = _values(scope, b"origin")
    return bool(origins) and not _are_own(origins, _values(scope, b"host"))


def _are_own(origins: list[bytes], hosts: list[bytes]) -> bool:
    """Whether the page is one of this port itself, such as /docs."""
    authorities = {origin.partition(b"://")[2].lower() for origin in origins}
    return len(hosts) == 1 and hosts[0] != b"" and authorities == {hosts[0].lower()}


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]
