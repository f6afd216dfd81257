"""What the two gateways say to each other about the slots of one worker."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Session, Slots
from prack_grpc.core.hand_out import HandOut

Key = tuple[str, str]  # principal and worker
NONE: Slots = 0, 0


class Claim(NamedTuple):
    """The earlier gateway: of these `slots`, which it was offered, I want to use so many."""

    principal: str
    worker: str
    number: int
    slots: Slots
    wanted: Slots

    @classmethod
    def of(cls, principal: str, worker: str, number: int, *slots: Iterable[int]) -> "Claim":
        """The same as it comes in JSON."""
        return cls(principal, worker, number, *map(_slots, slots))


class Allowed(NamedTuple):
    """The later gateway: of the claim with this number, use so many."""

    principal: str
    worker: str
    number: int
    most: Slots

    @classmethod
    def of(cls, principal: str, worker: str, number: int, most: Iterable[int]) -> "Allowed":
        """The same as it comes in JSON."""
        return cls(principal, worker, number, _slots(most))


def each(operation: Callable[..., int], *slots: Slots) -> Slots:
    """The same of both kinds of slots."""
    own, sockets = map(operation, *slots)
    return own, sockets


def _slots(numbers: Iterable[int]) -> Slots:
    own, sockets = numbers
    return own, sockets


def held(session: Session) -> Slots:
    """The slots that are in use."""
    sockets = session.sockets if session.websocket_slots else 0
    return len(session.held) - sockets, sockets


def by_worker(sessions: Iterable[Session]) -> dict[Key, list[Session]]:
    """All that share."""
    found = defaultdict(list)
    for session in sessions:
        if shares(session):
            found[key(session)].append(session)
    return found


def shares(session: Session) -> bool:
    """A stream. What a worker polls for is a slot that it has not offered to anybody else."""
    return session.profile.acknowledges


def key(session: Session) -> Key:
    """What the other gateway knows its worker by."""
    return session.principal.name, session.profile.worker


def share(hand_out: HandOut, session: Session, elsewhere: Slots, now: float) -> Effects:
    """So many of its slots are not for us."""
    if session.elsewhere == elsewhere:
        return []
    session.elsewhere = elsewhere
    return hand_out.serve(hand_out.queue.update(session), now)
