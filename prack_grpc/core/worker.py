"""Who a worker is, what it may serve, and what it says of itself."""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass

from prack_grpc.core.errors import OutOfScope
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route

# Names stand in logs, paths and HTTP fields, so they hold nothing that needs an escape there.
NAME = re.compile(r"[!-~]{1,128}")
NAME_EXPECTED = "expected 1 to 128 visible ASCII characters"
# A service or a version; empty if the worker does not say.
LABEL = re.compile(r"[!-~]{0,128}")
LABEL_EXPECTED = "expected at most 128 visible ASCII characters"


# The transport of what a peer has lent: its workers are no workers of this gateway.
LINK = "link"


class Right(enum.StrEnum):
    """What credentials are for."""

    WORK = "work"  # take requests and answer them
    READ = "read"  # see what the gateway does
    OPERATE = "operate"  # drain, resume, divide traffic


@dataclass(frozen=True, slots=True)
class Profile:
    """What a worker says of itself when it joins.

    `slots` is how many exchanges it holds at most; WebSockets take `websocket_slots` in place of
    these, unless that is 0. `acknowledges` says whether it answers a cancel:
    if so, a cancelled exchange keeps its slot until then; if not, it is known by its identifier
    (`WorkerSide.find`). It is given work only while no worker of a lower `tier` is free for it.
    Of one that `collects`, a request takes no slot until its body is here (`WorkerSide.grow`). One
    that does not answer within `lease` seconds, if that is not 0, is taken for lost. It came over
    this `transport`, from this `address`. With a `tunnel` it speaks with the clients of WebSockets
    itself.
    """

    worker: str
    slots: int
    acknowledges: bool
    routes: tuple[Route, ...] = (Route(),)
    service: str = ""
    version: str = ""
    kinds: tuple[Kind, ...] = (Kind.HTTP,)
    tier: int = 0
    lease: float = 0.0
    websocket_slots: int = 0
    collects: bool = False
    transport: str = ""
    address: str = ""
    tunnel: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What a worker may be; an empty part allows anything.

    `slots` are the most of one worker, `websocket_slots` the most that it has for WebSockets alone.
    """

    services: frozenset[str] = frozenset()
    routes: tuple[Route, ...] = ()
    tiers: frozenset[int] = frozenset()
    slots: int = 0
    websocket_slots: int = 0

    def check(self, profile: Profile) -> None:
        """Raises OutOfScope, which tells nothing but this scope."""
        if self.services and profile.service not in self.services:
            raise _beyond("service", profile.service or "(none)", self.services)
        for route in profile.routes:
            if self.routes and not any(allowed.covers(route) for allowed in self.routes):
                raise _beyond("routes", str(route), map(str, self.routes))
        if self.tiers and profile.tier not in self.tiers:
            raise _beyond("tier", str(profile.tier), map(str, self.tiers))
        self.check_slots(profile.slots, profile.websocket_slots)

    def check_slots(self, slots: int, websocket_slots: int) -> None:
        """Raises OutOfScope for more of either than one worker may have."""
        for field, asked, most in (
            ("slots", slots, self.slots),
            ("websocket_slots", websocket_slots, self.websocket_slots),
        ):
            if most and asked > most:
                raise _beyond(field, str(asked), [f"at most {most}"])


def _beyond(field: str, value: str, allowed: Iterable[str]) -> OutOfScope:
    expected = ", ".join(sorted(allowed))
    return OutOfScope(field, f"{value} is not allowed by these credentials; allowed: {expected}")


@dataclass(slots=True, eq=False)
class Principal:
    """Whom credentials name, with what they allow. Two are never the same, whatever their names.

    Once it is `revoked` nothing is allowed any more. Those of one `entry` share what one may have.
    A `subject` may come with several tokens, one after the other: what it holds is its own.
    """

    name: str
    rights: frozenset[Right] = frozenset(Right)
    scope: Scope = Scope()
    revoked: bool = False
    entry: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        self.entry = self.entry or self.name

    def has_subject_of(self, other: "Principal") -> bool:
        """Whether both are tokens of one subject."""
        return self.subject == other.subject != "" and self.entry == other.entry

    def check(self, profile: Profile) -> None:
        """Raises OutOfScope unless it may be a worker like this."""
        if self.revoked:
            raise OutOfScope("", "these credentials were revoked, or have expired")
        if Right.WORK not in self.rights:
            raise OutOfScope("", "these credentials are not for workers")
        self.scope.check(profile)


# Whoever calls where nobody is asked for credentials.
TRUSTED = Principal("anyone")
# Other gateways, which have asked for the credentials of their workers themselves.
PEERS = Principal("peers", entry="(peers)")
