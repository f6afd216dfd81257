"""How many sessions and routes there may be, in all and through one entry of the credentials."""

from collections import Counter

from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import PEERS, Principal, Right


class Places:
    """Of each entry: how many sessions it has, and how many routes are there through it."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.sessions: Counter[str] = Counter()
        self.routes: Counter[str] = Counter()

    def check_all(self, session: Session, others: int) -> None:
        """Raises TooManySessions if there is no place for it beside so many."""
        own, most = others - self.sessions[PEERS.entry], self._limits.max_sessions
        if own >= most and not session.guest:
            raise TooManySessions(f"the limit of {most} workers and polls is reached")

    def check(self, who: Principal, routes: int) -> None:
        """One more session with so many new routes. Raises BadRoute or TooManySessions.

        Who could stop all others anyway needs no bound.
        """
        if Right.OPERATE in who.rights:
            return
        limits, share = self._limits, self._limits.credential_share
        if self.sessions[who.entry] + 1 > (most := int(limits.max_sessions * share)):
            raise TooManySessions(f"these credentials have all {most} workers and polls they may")
        if routes and self.routes[who.entry] + routes > (most := int(limits.max_routes * share)):
            raise BadRoute(f"these credentials have all {most} routes they may")
