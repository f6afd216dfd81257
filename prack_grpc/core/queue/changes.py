"""What has changed in the queue since somebody looked who follows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from prack_grpc.core.exchange.exchange import ExchangeLane, Session


@dataclass(slots=True)
class Changes:
    """In these `lanes` something waits or ceased to, and `sessions` have other slots or lines.

    The free slots of own workers matter only while somebody is `eager` for them, or if more are
    lent than there are; those of a peer's while something waits, or when more are used than before.
    """

    lanes: dict[ExchangeLane, None] = field(default_factory=dict)
    sessions: dict[Session, None] = field(default_factory=dict)
    eager: bool = False

    def freed(self, session: Session, room: int, waits: bool) -> None:
        """It has another number of free slots: so many, of those for all kinds.

        Somewhere something `waits`.
        """
        if session.guest:
            matters = waits or session.draining or len(session.held) > session.used
        else:
            matters = self.eager or session.draining or room < 0 or session.overdrawn
        if matters:
            self.sessions[session] = None

    def take(self) -> tuple[Iterable[ExchangeLane], Iterable[Session]]:
        """All of it, to be forgotten."""
        lanes, sessions = self.lanes or (), self.sessions or ()  # nearly always no lanes
        if lanes:
            self.lanes = {}
        if sessions:
            self.sessions = {}
        return lanes, sessions
