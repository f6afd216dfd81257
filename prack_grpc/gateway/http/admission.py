"""Who may connect: those of some networks, so many in all, of one client no more than its share,
and nobody for a moment when file descriptors run out.
"""

import asyncio
import enum
import logging
from collections.abc import Callable, Iterable

from prack_grpc.gateway.http.descriptors import are_short
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.request.addresses import Network, client_of, trusting
from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

# From this part of all connections on, those that are idle give way soon.
CROWD = 0.75
PRESSED_SECONDS = 5.0
# One of so many of a client's connections is told, beyond its share, why it has no more.
TOLD = 10

OUTSIDE = "a connection from outside of %s was refused: add its network, if it is one of yours"
FULL = "the limit of connections is reached: new ones are closed"
CROWDED = (
    "one client reached its limit of connections: more get 429; raise "
    "--max-connections-per-client, or name a proxy with --trusted-proxies"
)
SHORT = (
    "file descriptors are running out: new clients wait; raise ulimit -n (LimitNOFILE of "
    "systemd, --ulimit of containers)"
)


def within(networks: Iterable[Network], setting: str) -> Callable[[str], bool] | None:
    """Says whether an address may connect, and complains of others; None where all may.

    `setting` is the name of the flag with these networks.
    """
    known = tuple(networks)
    if not known:
        return None
    knows, outside = trusting(known), Complaint(log, "outside_networks", OUTSIDE % setting)

    def admits(address: str) -> bool:
        if knows(address):
            return True
        outside.make(client=address)
        return False

    return admits


class Verdict(enum.Enum):
    """What becomes of a new connection."""

    WELCOME = enum.auto()
    REFUSED = enum.auto()  # its client is told why
    CUT = enum.auto()


class Place:
    """One connection's place among those of its client."""

    __slots__ = ("_admission", "client", "verdict")

    def __init__(self, admission: "Admission", client: str, verdict: Verdict) -> None:
        self._admission = admission
        self.client = client
        self.verdict = verdict

    def leave(self) -> None:
        """The connection is gone, whatever it had become. To be called once."""
        self._admission.left(self)


class Admission:
    """Counts the connections of each client; those that `exempt` knows are not limited.

    With `admits`, only the addresses for which it returns True may connect, see `within`.
    `on_shortage` is called when few file descriptors are left: nobody should be let in for a while.
    `idle_seconds` is how long a connection may be idle now, between two requests.
    """

    on_shortage: Callable[[], None] | None = None
    idle_seconds: float

    def __init__(
        self,
        limits: ConnectionLimits,
        exempt: Callable[[str], bool],
        admits: Callable[[str], bool] | None = None,
    ) -> None:
        self._limits = limits
        self._exempt = exempt
        self._admits = admits
        self._counts: dict[str, int] = {}
        self._all = 0
        self._scarce = False  # descriptors, when the last client came
        self._full = Complaint(log, "connections_full", FULL)
        self._crowded = Complaint(log, "client_full", CROWDED)
        self._short = Complaint(log, "descriptors_short", SHORT)
        self._set_idle_seconds()

    @property
    def connections(self) -> int:
        """How many there are."""
        return self._all

    def enter(self, transport: asyncio.Transport, peer: tuple[str, int] | None) -> Place:
        """A place for a new connection of this peer."""
        self._scarce = are_short(transport.get_extra_info("socket").fileno())
        if self._scarce and self.on_shortage is not None:
            self._short.make()
            self.on_shortage()
        address = peer[0] if peer else ""  # nobody knows whose: a UNIX socket, or gone already
        client = client_of(address)
        self._counts[client] = count = self._counts.get(client, 0) + 1
        self._all += 1
        self._set_idle_seconds()
        return Place(self, client, self._verdict(address, count))

    def left(self, place: Place) -> None:
        """Take back what `enter` gave."""
        self._all -= 1
        if self._counts[place.client] > 1:
            self._counts[place.client] -= 1
        else:
            del self._counts[place.client]
        self._set_idle_seconds()

    def _set_idle_seconds(self) -> None:
        seconds = self._limits.keep_alive_seconds
        pressed = self._scarce or self._all > CROWD * self._limits.connections
        self.idle_seconds = min(seconds, PRESSED_SECONDS) if pressed else seconds

    def _verdict(self, address: str, count: int) -> Verdict:
        # Without an address it was passed on by another gateway, which has asked.
        if self._admits is not None and address and not self._admits(address):
            return Verdict.CUT
        share = self._limits.client_connections
        if self._all > self._limits.connections:
            self._full.make()
            return Verdict.CUT
        if count <= share or not address or self._exempt(address):
            return Verdict.WELCOME
        self._crowded.make(client=address)
        # Those who are told stay for a moment, and must not take the places of others either.
        return Verdict.REFUSED if count <= share + max(1, share // TOLD) else Verdict.CUT
