"""The gateway that replaces another: it leaves the slots alone that are claimed there."""

from collections.abc import Iterable

from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import Session, Slots
from prack_grpc.core.hand_out import HandOut
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


class Later:
    """What is claimed, and allowed. Nobody has a slot here before the first claims have come.

    A worker may offer us only the slots that the earlier gateway does not hold. So those that it
    has in all are the most that it has offered to one of us.
    """

    def __init__(self, hand_out: HandOut) -> None:
        self._hand_out = hand_out
        self._claims: dict[Key, Claim] | None = None
        self._allowed: dict[Key, Allowed] = {}

    def heard(self, claims: Iterable[Claim], now: float) -> Effects:
        """What the earlier gateway claims from now on."""
        self._claims = self._claims or {}
        for claim in claims:
            name = claim.principal, claim.worker
            self._claims[name] = claim
            if claim.slots == claim.wanted == NONE:
                del self._claims[name]
                self._allowed.pop(name, None)
        effects: Effects = []
        for session in list(self._hand_out.queue.sessions):
            effects += share(self._hand_out, session, self._elsewhere(session), now)
        return effects

    def look(self, now: float) -> tuple[list[Allowed], Effects]:
        """The answers that have changed."""
        claims = (self._claims or {}).values()
        owed = [one for one in claims if not self._is_allowed(one)]
        workers = by_worker(self._hand_out.queue.sessions) if owed else {}
        answers = []
        for claim in owed:
            name = claim.principal, claim.worker
            answer = Allowed(*name, claim.number, _free(claim, workers.get(name, [])))
            if self._allowed.get(name) != answer:
                self._allowed[name] = answer
                answers.append(answer)
        return answers, []

    def share(self, session: Session) -> None:
        """A stream has joined, or has other slots."""
        session.elsewhere = self._elsewhere(session)

    def _elsewhere(self, session: Session) -> Slots:
        if not shares(session):
            return NONE
        slots = session.slots, session.websocket_slots
        if self._claims is None:
            return slots
        claim = self._claims.get(key(session))
        return each(_beyond, slots, claim.slots, claim.wanted) if claim else NONE

    def _is_allowed(self, claim: Claim) -> bool:
        answer = self._allowed.get((claim.principal, claim.worker))
        return answer is not None and answer[2:] == (claim.number, claim.wanted)


def _free(claim: Claim, sessions: list[Session]) -> Slots:
    """What is claimed, but for the slots that are in use here."""
    most = claim.wanted
    for session in sessions:
        slots = session.slots, session.websocket_slots
        most = each(_left, most, slots, claim.slots, held(session))
    return most


def _left(wanted: int, slots: int, there: int, used: int) -> int:
    return max(0, min(wanted, max(slots, there) - used))


def _beyond(slots: int, there: int, wanted: int) -> int:
    """So many of the slots here, with those that are wanted there, would be more than it has."""
    return max(0, slots + wanted - max(slots, there))
