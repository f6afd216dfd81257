"""For which requests of this gateway slots of other gateways are borrowed.

House rules: nobody is asked for anything while a slot is free here, but for one that is left to
others; at first two peers are asked, and all only if that did not help; as many slots are kept as
were used at a time of late, and while something waits all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from prack_grpc.core.effects import Effects
from prack_grpc.core.exchange.exchange import ExchangeLane, Session
from prack_grpc.core.lending.guest import Guest
from prack_grpc.core.lending.loan import Claim
from prack_grpc.core.lending.messages import GiveBack, Want
from prack_grpc.core.queue.order import NEVER, Deadlines
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.receivers import PeerReceiver

# Seconds after which all peers are asked: a link takes one or two milliseconds there and back.
WIDEN = 0.005
# Seconds between two times that all are asked, for each peer, and at least: so a gateway hears at
# most 200 of these a second from all others, however many there are.
REFRESH_A_PEER, REFRESH = 0.005, 0.020
# So often, in seconds, what was not used since then goes back. Answers come in bursts: what is idle
# at one moment is needed again in the next.
UNUSED = 0.5


@dataclass(slots=True, eq=False)
class Asking:
    """A lane for which peers were asked, perhaps only `behind` all others that ask them."""

    lane: ExchangeLane
    behind: bool
    slice: int = NEVER


class Borrower:
    """The owner's side of all links: what is borrowed, and what waits for it."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self.guests: dict[tuple[PeerReceiver, int], Guest[Session]] = {}
        self._guest_of: dict[Session, Guest[Session]] = {}
        self._asking: dict[ExchangeLane, Asking] = {}
        self._refreshes: Deadlines[Asking] = Deadlines(tick=0.001)
        self._unused: Deadlines[Guest[Session]] = Deadlines()
        self._turn = 0

    @property
    def due(self) -> float:
        """When there is something to do."""
        refresh, unused = self._refreshes.soonest, self._unused.soonest
        return refresh if refresh < unused else unused

    # ------------------------------------------------------------ what hosts say

    def offered(self, guest: Guest[Session]) -> None:
        """Workers of a peer are here."""
        self.guests[guest.peer, guest.number] = self._guest_of[guest.session] = guest

    def forget(self, guest: Guest[Session]) -> None:
        """They serve nothing any more."""
        del self.guests[guest.peer, guest.number]
        del self._guest_of[guest.session]
        self._unused.clear(guest)

    def recall(self, guest: Guest[Session], count: int) -> Effects:
        """Its host needs so many idle slots. It gets what there is."""
        return self._give_back(guest, max(0, min(count, _idle(guest))))

    # ------------------------------------------------------------ what has changed

    def guest_of(self, session: Session) -> Guest[Session] | None:
        """Who this session stands for; None once that is over."""
        return self._guest_of.get(session)

    def look(self, guest: Guest[Session], now: float) -> Effects:
        """The slots or lines of a guest have changed: what was never used goes back later."""
        effects: Effects = []
        session = guest.session
        if (used := len(session.held)) > session.used:
            session.used = used
        if guest.slice == NEVER and session.slots > 0:
            self._unused.set(guest, now + UNUSED)
        for lane in session.lanes:
            if lane.base.requests and lane.count:
                effects += self.ask(lane, now)
        return effects

    def ask(self, lane: ExchangeLane, now: float) -> Effects:
        """Something waits in a lane, or ceased to."""
        asking = self._asking.get(lane)
        if not _needed(lane):
            return self._stop(asking) if asking else []
        if asking:
            return self._tell(self._guests(lane)) if self._came_forward(asking) else []
        if not (guests := self._guests(lane)):
            return []
        asking = self._asking[lane] = Asking(lane, self._first(lane).behind)
        self._refreshes.set(asking, now + WIDEN)
        return self._tell(self._some(guests))

    def refresh(self, now: float) -> Effects:
        """Ask again where something still waits, and give back what was not used."""
        effects: Effects = []
        for asking in self._refreshes.due(now):
            if guests := self._guests(asking.lane):
                asking.behind = self._first(asking.lane).behind
                self._refreshes.set(asking, now + self._pause())
                effects += self._tell(guests)
            else:
                effects += self._stop(asking)
        for guest in self._unused.due(now):
            session = guest.session
            surplus = session.slots - session.used
            if surplus > 0 and not any(lane.waiting for lane in session.lanes):
                effects += self._give_back(guest, surplus)
            session.used = len(session.held)
            if session.slots > 0:
                self._unused.set(guest, now + UNUSED)
        return effects

    # ------------------------------------------------------------ steps

    def _came_forward(self, asking: Asking) -> bool:
        """Somebody waits now who does not come behind others."""
        if not asking.behind:
            return False
        asking.behind = self._first(asking.lane).behind
        return not asking.behind

    def _stop(self, asking: Asking) -> Effects:
        self._refreshes.clear(asking)
        del self._asking[asking.lane]
        return self._tell(guest for guest in self.guests.values() if guest.wants)

    def _tell(self, guests: Iterable[Guest[Session]]) -> Effects:
        """Tell these hosts what waits for them, if that is anything or was."""
        effects: Effects = []
        for guest in guests:
            lanes = [lane for lane in guest.session.lanes if _needed(lane)]
            wants = sum(_count(guest, lane) for lane in lanes)
            if wants or guest.wants:
                guest.wants = wants
                guest.claim = min(map(self._first, lanes), default=guest.claim)
                effects.append(Want(guest))
        return effects

    def _first(self, lane: ExchangeLane) -> Claim:
        """Of what waits in a lane, which is not empty."""
        lines = [line for line in (lane.waiting, lane.uploads) if line]
        return min(self._queue.choice.claim(lane, line) for line in lines)

    def _guests(self, lane: ExchangeLane) -> list[Guest[Session]]:
        """Those that could take something of this lane."""
        found = [self._guest_of[session] for session in lane.sessions if session.guest]
        return [guest for guest in found if _count(guest, lane)]

    def _some(self, guests: list[Guest[Session]]) -> list[Guest[Session]]:
        """Who has lent something last, and one of the others in turn."""
        last = max(guests, key=_lent_at)
        others = [guest for guest in guests if guest is not last]
        self._turn += 1
        return [last, others[self._turn % len(others)]] if others else [last]

    def _pause(self) -> float:
        return max(REFRESH, REFRESH_A_PEER * len({guest.peer for guest in self.guests.values()}))

    def _give_back(self, guest: Guest[Session], count: int) -> Effects:
        guest.given += count
        guest.session.slots -= count
        self._queue.update(guest.session)
        return [GiveBack(guest, count)]


def _needed(lane: ExchangeLane) -> bool:
    """Something waits that nobody here may take, such as uploads where only whole ones may go."""
    uploads = bool(lane.uploads) and all(session.whole for session in lane.ready)
    return uploads or bool(lane.waiting)


def _count(guest: Guest[Session], lane: ExchangeLane) -> int:
    """So much of what waits in a lane is for this guest."""
    return len(lane.waiting) if guest.session.whole else lane.count


def _idle(guest: Guest[Session]) -> int:
    return guest.session.slots - len(guest.session.held)


def _lent_at(guest: Guest[Session]) -> float:
    return guest.lent_at
