"""The gateway that is replaced: it finishes what it has, and gives away what it does not need."""

from collections.abc import Iterable
from dataclasses import dataclass

from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Session, Slots
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import WEBSOCKET
from prack_grpc.core.succession.claims import (
    NONE,
    Allowed,
    Claim,
    Key,
    by_worker,
    each,
    held,
    key,
    share,
    shares,
)


@dataclass(slots=True)
class Entry:
    """A worker: the last claim, and how many slots it may use here, never more than these."""

    claim: Claim
    most: Slots


class Earlier:
    """What it claims. Of a worker that comes late it has no slot until it has claimed one."""

    def __init__(self, hand_out: HandOut) -> None:
        self._hand_out = hand_out
        self._entries: dict[Key, Entry] = {}
        self._number = 0
        self._begun = False

    def look(self, now: float) -> tuple[list[Claim], Effects]:
        """The claims that have changed; of a worker that has gone the last one is for nothing."""
        workers = by_worker(self._hand_out.queue.sessions)
        gone = [name for name in self._entries if name not in workers]
        claims = [Claim(*name, self._next(), NONE, NONE) for name in gone]
        for name in gone:
            del self._entries[name]
        effects: Effects = []
        for name, sessions in workers.items():
            claims += self._claim(name, sessions)
            for session in sessions:
                elsewhere = self._elsewhere(session, sessions)
                effects += share(self._hand_out, session, elsewhere, now)
        self._begun = True
        return claims, effects

    def heard(self, answers: Iterable[Allowed], now: float) -> Effects:
        """What the later gateway allows."""
        workers = by_worker(self._hand_out.queue.sessions)
        effects: Effects = []
        for name, number, most in ((one[:2], one.number, one.most) for one in answers):
            entry = self._entries.get(name)
            if entry is None or entry.claim.number != number:
                continue
            entry.most = most
            for session in workers.get(name, ()):
                elsewhere = self._elsewhere(session, workers[name])
                effects += share(self._hand_out, session, elsewhere, now)
        return effects

    def share(self, session: Session) -> None:
        """A stream has joined, or has other slots: these are not ours to begin with."""
        if not shares(session):
            return
        entry = self._entries.get(key(session))
        most = entry.most if entry else NONE
        session.elsewhere = each(_less, (session.slots, session.websocket_slots), most)

    def _claim(self, name: Key, sessions: list[Session]) -> list[Claim]:
        """What is in use, and one more if a request waits for it."""
        slots = each(max, NONE, *((one.slots, one.websocket_slots) for one in sessions))
        used = each(_sum, NONE, *map(held, sessions))
        wanted = each(_more, slots, used, _waiting(sessions))
        entry = self._entries.get(name)
        if entry and (entry.claim.slots, entry.claim.wanted) == (slots, wanted):
            return []
        before = entry.most if entry else NONE if self._begun else slots
        claim = Claim(*name, self._next(), slots, wanted)
        self._entries[name] = Entry(claim, each(min, before, wanted))
        return [claim]

    def _elsewhere(self, session: Session, sessions: list[Session]) -> Slots:
        most = self._entries[key(session)].most
        others = each(_sum, NONE, *(held(one) for one in sessions if one is not session))
        return each(_less, (session.slots, session.websocket_slots), each(_less, most, others))

    def _next(self) -> int:
        self._number += 1
        return self._number


def _waiting(sessions: list[Session]) -> Slots:
    """Whether a request waits for one of these sessions, and whether a WebSocket does."""
    own = sockets = 0
    for session in sessions:
        for lane in session.lanes:
            if not lane.count or session.draining:
                continue
            if lane.kind is WEBSOCKET and session.websocket_slots:
                sockets = 1
            else:
                own = 1
    return own, sockets


def _more(slots: int, used: int, waiting: int) -> int:
    return used + waiting if used < slots else used


def _less(count: int, other: int) -> int:
    return max(0, count - other)


def _sum(*counts: int) -> int:
    return sum(counts)
