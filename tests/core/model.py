"""What the promises say about one life of a gateway, written without looking at its code.

It knows who waits in which line, who holds what, what each client is owed and when time is over.
"""

from dataclasses import dataclass, field

from prack_grpc.core.errors import Late
from prack_grpc.core.exchange.exchange import Exchange, Lease, Session
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.queue.traffic import Pool
from tests.core.lines import Lines, client_of, pool_of
from tests.core.owed import Hand, Owed


@dataclass
class Model(Lines):
    """All that is owed and all that is held, and the lines in which it waits."""

    owed: dict[Exchange, Owed] = field(default_factory=dict)
    hands: dict[Lease, Hand] = field(default_factory=dict)
    names: dict[str, Hand] = field(default_factory=dict)
    closed: list[Hand] = field(default_factory=list)
    polls: set[Session] = field(default_factory=set)
    draining: bool = False

    @property
    def unfinished(self) -> list[Owed]:
        """Every client that is still owed something."""
        return [owed for owed in self.owed.values() if owed.unfinished]

    @property
    def held(self) -> list[Hand]:
        """Everything that takes a slot."""
        return [hand for hands in self.sessions.values() for hand in hands]

    # ------------------------------------------------------------ hands

    def answer_by(self, session: Session, now: float) -> float:
        """When a worker must have answered that was given something, or some of a body, now."""
        return now + (session.profile.lease or self.limits.head_timeout)

    def hand_out(self, lease: Lease, now: float) -> None:
        """A worker has it."""
        owed, lane = self.owed[lease.exchange], lease.exchange.lane
        self.unline(owed)
        self.begun.setdefault(lane, []).append(client_of(owed))
        owed.hand_outs += 1
        owed.deadline = self.answer_by(lease.session, now)
        self.hands[lease] = self.names[lease.assignment.identifier] = hand = Hand(owed, lease, now)
        self.sessions[lease.session].append(hand)
        self.turns[owed.exchange.request.kind, lane.route, pool_of(lane)] = len(self.hands)

    def close(self, hand: Hand, verdict: Late, now: float) -> None:
        """Its slot is free; a session that does not acknowledge may have held its last."""
        session = hand.lease.session
        hand.state, hand.verdict = Work.CLOSED, verdict
        self.sessions[session].remove(hand)
        if not session.profile.acknowledges:
            self.closed.append(hand)
            if session in self.drained:
                self.end_if_empty(session, now)

    def give_back(self, hand: Hand, never_left: bool, now: float) -> bool:
        """Its worker has not begun it. True if it may be handed out again, whatever it is."""
        hand.owed.never_left += never_left
        again = self.may_go_again(hand)
        hand.owed.returned += 1
        if again:
            self.wait_again(hand, now)
        return again

    def take_away(self, hand: Hand, now: float) -> bool:
        """Its worker is lost and may have begun it. True if it may be handed out once more."""
        owed = hand.owed
        self.close(hand, Late.STALE, now)
        fresh = owed.unfinished and not owed.begun and not owed.lost
        again = fresh and owed.repeatable and self.may_go_again(hand)
        if again:
            owed.lost += 1
            self.wait_again(hand, now)
        return again

    def may_go_again(self, hand: Hand) -> bool:
        """There is an attempt left, and its body can be sent from the start."""
        left = hand.owed.hand_outs - hand.owed.never_left < self.limits.max_attempts
        return left and len(hand.taken) <= self.limits.inline_body

    def wait_again(self, hand: Hand, now: float) -> None:
        """Back to its place in the line it belongs to by now; only time in the queue is waiting."""
        owed = hand.owed
        owed.wait_until += now - hand.leased_at
        owed.deadline = owed.wait_until
        self.line_of(owed).append(owed)

    # ------------------------------------------------------------ sessions

    def drain(self, session: Session, now: float) -> None:
        """It is given nothing more; one that acknowledges leaves its lines at once."""
        if session.profile.acknowledges:
            self.leave_lines(session, now)
            self.drained.add(session)
        else:
            self.drained.add(session)
            self.end_if_empty(session, now)

    def pause(self, who: Pool | str, paused: bool, now: float) -> None:
        """Its sessions leave their lines, or come back."""
        names = [one for one in self.paused if one != who] + [who] * paused
        for session in self.sessions:
            if session.profile.worker in names or session.pool in names:
                self.leave_lines(session, now)
        self.paused = names

    def end_if_empty(self, session: Session, now: float) -> None:
        """It holds nothing, and will not be given anything."""
        if not self.sessions[session]:
            self.end(session, now)

    def end(self, session: Session, now: float) -> None:
        """The session is gone."""
        self.leave_lines(session, now)
        del self.sessions[session]

    def verdicts(self, hand: Hand) -> set[Late]:
        """What a late answer may be told: what happened, as long as it is remembered."""
        if hand.lease.session.profile.acknowledges:
            return {Late.UNKNOWN}
        if hand in self.closed[-self.limits.remembered_leases :] and not hand.owed.never_left:
            return {hand.verdict}
        return {hand.verdict, Late.UNKNOWN}
