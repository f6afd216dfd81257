"""What leaves a lane next: the oldest, of a client that has less than its share of what is in work.

That share is of the requests that workers have taken from the lane: where something waits, these
are all the slots that it can get. Who has it leaves the last free one to others, if any were there
lately.
"""

from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane
from prack_grpc.core.lending.loan import BEHIND, Claim
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.order import Line


class Choice:
    """Chooses by urgency and age, and under overload who came last.

    With so `many` slots in work, one that is free may be left to others.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lately = limits.lately
        self.many = limits.last_slot_of - 1

    def next(self, lane: ExchangeLane, lines: list[Line[Exchange]], now: float) -> Exchange | None:
        """Who leaves one of these lines of a lane, which are not empty; None if all are to wait.

        It is of a client that has its share only if all are such.
        """
        most = self._share(lane)
        nexts = [self._head(lane, line, most, now) for line in lines]
        first = nexts[0] if len(nexts) == 1 else min(nexts, key=lambda one: _rank(one, most))
        left = lane.busy >= self.many and self.is_left(lane, first.request.counts_for)
        return None if left else first

    def is_left(self, lane: ExchangeLane, client: str) -> bool:
        """Where `many` are in work: one slot is free, and this client leaves it to others."""
        if client == lane.latest and lane.streak >= self._lately:
            return False
        if not self._has_share(lane, client) or len(lane.ready) != 1:
            return False
        return lane.ready.first().room(lane.kind) == 1

    def claim(self, lane: ExchangeLane, line: Line[Exchange]) -> Claim:
        """Of who goes first in a line of a lane, which is not empty.

        It comes behind what others wait for if all are of clients that have their share of many.
        """
        if lane.busy < self.many:
            return Claim(line.first().request.priority, line.first().accepted_at)
        first = line.foremost(lane.held, self._share(lane))
        behind = BEHIND * self._has_share(lane, first.request.counts_for)
        return Claim(first.request.priority + behind, first.accepted_at)

    def ahead(self, lane: ExchangeLane, client: str) -> int:
        """How many, of those that are here, would go before another of this client."""
        most, waiting = self._share(lane), lane.waiting
        if lane.held.get(client, 0) >= most:
            return len(waiting)
        passed = (waiting.count(other) for other, held in lane.held.items() if held >= most)
        return len(waiting) - sum(passed)

    def crowd(self, lane: ExchangeLane) -> int:
        """How many wait of one client that has its share: of the one of which most do."""
        most, lines = self._share(lane), (lane.waiting, lane.uploads)
        hogs = [client for client, held in lane.held.items() if held >= most]
        return max((sum(line.count(client) for line in lines) for client in hogs), default=0)

    def hog(self, lane: ExchangeLane, going: int) -> str | None:
        """The client that has most, and more than its share, while another waits that has less.

        So many of what it has are about to end.
        """
        if not lane.waiting or not lane.held:
            return None
        most, held = self._share(lane), lane.held
        waits = lane.waiting.foremost(held, most).request.counts_for
        client = max(held, key=held.__getitem__)
        return client if held[client] - going > most > held.get(waits, 0) else None

    def _has_share(self, lane: ExchangeLane, client: str) -> bool:
        return lane.held.get(client, 0) >= self._share(lane)

    def _share(self, lane: ExchangeLane) -> int:
        """Who has so many in work leaves the next slot to others."""
        return max(1, int((lane.busy + 1) * self._limits.client_share))

    def _head(self, lane: ExchangeLane, line: Line[Exchange], most: int, now: float) -> Exchange:
        waited = now - line.first().wait_until + self._limits.queue_timeout
        return line.next(waited >= self._limits.newest_first_after, lane.held, most)


def _rank(exchange: Exchange, most: int) -> tuple[bool, int, int]:
    request = exchange.request
    has_its_share = exchange.lane.held.get(request.counts_for, 0) >= most
    return has_its_share, request.priority, exchange.place
