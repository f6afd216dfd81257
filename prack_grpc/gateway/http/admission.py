"""Who may connect: so many in all, of one client no more than its share, and nobody for a moment
when file descriptors run out.
"""

import asyncio
import enum
import logging
from collections.abc import Callable

from prack_grpc.gateway.http.descriptors import are_short
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.request.addresses import client_of
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# From this part of all connections on, those that are idle give way soon.
CROWD = 0.75
PRESSED_SECONDS = 5.0

FULL = "there are as many connections as there may be: more are closed"
CROWDED = (
    "one client has as many connections as it may have: more get 429; "
    "--max-connections-per-client says how many, --trusted-proxies exempts a proxy"
)
SHORT = (
    "file descriptors run out: new clients wait until some are free; raise ulimit -n "
    "(LimitNOFILE of systemd, --ulimit of containers)"
)


class Verdict(enum.Enum):
    """What becomes of a new connection."""

    WELCOME = enum.auto()
    REFUSED = enum.auto()  # its client is told why
    CUT = enum.auto()


class Place:
    """One connection's place among those of its client."""

    __slots__ = ("_client", "_counts", "verdict")

    def __init__(self, counts: dict[str, int], client: str, verdict: Verdict) -> None:
        self._counts = counts
        self._client = client
        self.verdict = verdict

    def leave(self) -> None:
        """The connection is gone, whatever it had become. To be called once."""
        if self._counts[self._client] > 1:
            self._counts[self._client] -= 1
        else:
            del self._counts[self._client]


class Admission:
    """Counts the connections of each client; those that `exempt` knows are not limited.

    `on_shortage` is called when few file descriptors are left: nobody should be let in for a while.
    """

    on_shortage: Callable[[], None] | None = None

    def __init__(self, limits: ConnectionLimits, exempt: Callable[[str], bool]) -> None:
        self._limits = limits
        self._exempt = exempt
        self._counts: dict[str, int] = {}
        self._scarce = False  # descriptors, when the last client came
        self._full = Complaint(log, "connections_full", FULL)
        self._crowded = Complaint(log, "client_full", CROWDED)
        self._short = Complaint(log, "descriptors_short", SHORT)

    def enter(
        self, transport: asyncio.Transport, peer: tuple[str, int] | None, connections: int
    ) -> Place:
        """A place for a new connection of this peer, which is one of so many in all."""
        self._scarce = are_short(transport.get_extra_info("socket").fileno())
        if self._scarce and self.on_shortage is not None:
            self._short.make()
            self.on_shortage()
        address = peer[0] if peer else ""  # nobody knows whose: a UNIX socket, or gone already
        client = client_of(address)
        self._counts[client] = count = self._counts.get(client, 0) + 1
        return Place(self._counts, client, self._verdict(address, count, connections))

    def keep_alive_seconds(self, connections: int) -> float:
        """How long a connection may be idle between two requests while there are so many in all."""
        seconds = self._limits.keep_alive_seconds
        pressed = self._scarce or connections > CROWD * self._limits.connections
        return min(seconds, PRESSED_SECONDS) if pressed else seconds

    def _verdict(self, address: str, count: int, connections: int) -> Verdict:
        share = self._limits.client_connections
        if connections > self._limits.connections:
            self._full.make()
            return Verdict.CUT
        if count <= share or not address or self._exempt(address):
            return Verdict.WELCOME
        self._crowded.make(client=address)
        # Those who are told stay for a moment, and must not be too many either.
        return Verdict.REFUSED if count <= 2 * share else Verdict.CUT
