"""Access to the private ports: with credentials if any are set, and never from a web page.

Any web page in a browser on the gateway's machine or network can send requests to this port. They
are recognized by `Origin` or `Sec-Fetch-Site`; those sent to a name of the page's own that resolves
to this address (DNS rebinding), by `Host`. See docs/decisions/0019.
"""

import ipaddress
import logging
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from starlette.types import Message, Scope, Send

from prack_grpc.core.worker import TRUSTED, Principal
from prack_grpc.private.credentials import digest
from prack_grpc.private.errors import (
    CROSS_SITE,
    TOO_MANY_FAILURES,
    UNAUTHENTICATED,
    UNKNOWN_HOST,
    ApiError,
)
from prack_grpc.private.failures import Failures
from prack_grpc.private.principals import Principals
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

HEALTH = frozenset(("/livez", "/healthz", "/readyz"))
PAGES = re.compile(r"/docs|/openapi\.json")
# What a browser needs of the admin port before somebody has logged in; it tells nothing of this
# gateway.
ADMIN_PAGES = re.compile(r"/|/login|/logout|/openapi\.json|/static/.+")
LOOPBACK = "localhost"
HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([^][:@/?#\s]+))(?::\d*)?")
OWN_SITES = (b"same-origin", b"none")
ADVICE = (
    "set a token (--token-file, --credentials), or allow the name with --api-hosts; "
    "without a token only localhost and loopback addresses are allowed"
)


# The fields of a call that say who makes it.
AUTHORIZATION = b"authorization"
TELLING = frozenset((AUTHORIZATION, b"host", b"origin", b"sec-fetch-site"))
MOST_ADMITTED = 256
# Of a scope: who calls. Where anybody may call there can be none.
PRINCIPAL = "prack.principal"
Fields = tuple[tuple[bytes, bytes], ...]
# What a call shows: these fields, and the names in its certificate.
Shown = tuple[Fields, tuple[str, ...]]


def last(send: Send) -> Send:
    """End the connection with this response: callers without the token may not keep one."""

    async def last(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message["headers"], (b"connection", b"close")]
            message = {**message, "headers": headers}
        await send(message)

    return last


class Callers:
    """Who may call a port: whoever has its `token`, or is one of `principals`.

    A call without a token must name localhost, a loopback address or one of `hosts`. A token counts
    before a certificate. `pages` are the paths that need no credentials. `admitted` is what was
    looked at: a worker shows the same with each call.
    """

    def __init__(
        self,
        token: str | None,
        hosts: Iterable[str] = (),
        principals: Principals | None = None,
        holder: Principal | None = None,
        failures: Failures | None = None,
        pages: re.Pattern[str] = PAGES,
    ) -> None:
        self._names = {LOOPBACK, *map(_name, hosts)}
        text = f"refused a call to the worker API under an unknown name: {ADVICE}"
        self._complaint = Complaint(log, "unknown_host", text)
        self.asks = token is not None or principals is not None
        self.holder = (holder or Principal("token")) if self.asks else TRUSTED
        self._own = {digest(token.encode()): self.holder} if token is not None else {}
        self._principals = principals
        self._failures = failures or Failures()
        self._pages = pages
        self.admitted: dict[Shown, Principal] = {}

    def admits(self, shown: Shown) -> Principal | None:
        """Who calls and shows this, if he may. `admitted` has it from now on."""
        fields, names = shown
        scope = {"headers": fields}
        if _from_elsewhere(scope):
            return None
        values = _values(scope, AUTHORIZATION)
        if not (self.asks and values) and not self._is_known(_values(scope, b"host")):
            return None
        if (who := self.caller(values, names)) is None:
            return None
        if len(self.admitted) == MOST_ADMITTED:
            self.admitted.clear()
        self.admitted[shown] = who
        return who

    def caller(self, values: Sequence[bytes], names: Sequence[str] = ()) -> Principal | None:
        """Who has these values of the field Authorization (RFC 6750 section 2.1).

        Without any it is whose certificate has one of these names.
        """
        if not self.asks:
            return self.holder
        if not values:
            return self._principals.holder(names) if self._principals else None
        scheme, _, given = values[0].partition(b" ") if len(values) == 1 else (b"", b"", b"")
        return self.bearer(given.strip()) if scheme.lower() == b"bearer" else None

    def bearer(self, token: bytes) -> Principal | None:
        """Whose token this is."""
        found = self._own.get(digest(token))
        return found or (self._principals.bearer(token) if self._principals else None)

    def named(self, name: str) -> Principal:
        """Who has this name; somebody without rights if nobody has."""
        if name == self.holder.name:
            return self.holder
        known = self._principals.named(name) if self._principals else None
        return known or Principal(name, frozenset())

    async def failed(self, address: str) -> ApiError:
        """What somebody gets whose credentials are wrong, when it is time for it."""
        in_time = await self._failures.fail(address)
        return ApiError(UNAUTHENTICATED if in_time else TOO_MANY_FAILURES)

    def refusal(self, scope: Scope, names: Sequence[str]) -> ApiError | None:
        """The error for a call that must not be served, else None: it is for one of `pages`.

        `names` are those in the certificate that counts for it.
        """
        if _from_elsewhere(scope):
            return ApiError(CROSS_SITE)
        if not self.asks or self._certified(scope, names):
            return self._misnamed(scope)
        free = scope["path"] in HEALTH or self._pages.fullmatch(scope["path"])
        return None if free else ApiError(UNAUTHENTICATED)

    def _certified(self, scope: Scope, names: Sequence[str]) -> bool:
        """Whether nothing but the name that was called can be wrong."""
        return not _values(scope, AUTHORIZATION) and self.caller((), names) is not None

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
