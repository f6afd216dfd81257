"""What has changed in the queue since somebody looked who follows it."""

from dataclasses import dataclass, field

from prack_grpc.core.exchange.exchange import ExchangeLane, Session


@dataclass(slots=True)
class Changes:
    """In these `lanes` something waits or ceased to, and `sessions` have other slots or lines.

    The free slots of own workers matter only while somebody is `eager` for them, or if more are
    lent than there are.
    """

    lanes: dict[ExchangeLane, None] = field(default_factory=dict)
    sessions: dict[Session, None] = field(default_factory=dict)
    eager: bool = False

    def freed(self, session: Session) -> None:
        """It has another number of free slots."""
        if self.eager or session.guest or session.draining or session.overdrawn:
            self.sessions[session] = None

    def take(self) -> tuple[list[ExchangeLane], list[Session]]:
        """All of it, to be forgotten."""
        taken = list(self.lanes), list(self.sessions)
        self.lanes.clear()
        self.sessions.clear()
        return taken
