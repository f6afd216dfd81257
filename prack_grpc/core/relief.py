"""What keeps slots because of its client, while others wait for them.

House rules: nothing is done while nobody waits. A response that stands still is lent room first if
it fits, so that its worker can finish; what stands for too long and gets none is cut, the
longest-standing first. An open WebSocket has no end: it is closed if its client has more than its
share of them, the longest-silent first.
"""

import math
from collections import OrderedDict

from prack_grpc.core.errors import OVERLOADED
from prack_grpc.core.exchange.exchange import Exchange, ExchangeLane, Lease
from prack_grpc.core.exchange.states import DONE
from prack_grpc.core.http.message import WEBSOCKET
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.choice import Choice

# The part of all that may be lent that one response may have.
LOAN_SHARE = 4
# A worker has so long to make something of what it was lent, or to let go of what was cut.
PAUSE = 0.1


class Relief:
    """Who stands still, what was lent, and which lanes are `pressed`: what waits there needs slots.

    It is time for another look at these when it is `due`.
    """

    def __init__(self, limits: Limits, choice: Choice) -> None:
        self._limits = limits
        self._choice = choice
        self.standing: OrderedDict[Exchange, None] = OrderedDict()
        self.pressed: dict[ExchangeLane, None] = {}
        self.lent = 0
        self.due = math.inf
        # Loans are for one response at a time: many that are begun free no slot.
        self._helped: Exchange | None = None
        self._helped_until = 0.0

    def stands(self, lease: Lease, now: float) -> bool:
        """Its worker has sent something: True if it may go on only when its client reads."""
        exchange, download = lease.exchange, lease.exchange.download
        if download.room > self._limits.window // 8 or exchange in self.standing:
            return False
        if 0 <= lease.expected <= download.granted:
            return False  # its worker may send all of it
        if exchange is self._helped:
            self._helped = None
        self.standing[exchange] = None
        if exchange.lent:
            self.standing.move_to_end(exchange, last=False)  # to be done with it
        else:
            exchange.stands_since = now
        return True

    def moves(self, exchange: Exchange) -> None:
        """Its worker may go on, or has ended."""
        self.standing.pop(exchange, None)
        if exchange is self._helped:
            self._helped = None

    def settle(self, exchange: Exchange, over: bool = False) -> None:
        """Its client has taken something, or it is over: what was lent may be free again."""
        owed = 0 if over else min(exchange.lent, max(0, exchange.download.beyond))
        self.lent -= exchange.lent - owed
        exchange.lent = owed

    def look(self, lane: ExchangeLane, now: float) -> tuple[Lease | None, Exchange | None]:
        """The lease that was lent something, or the exchange to be cut."""
        self.pressed.pop(lane, None)
        if not lane.pressed:
            return None, None
        if lane.kind is WEBSOCKET:
            return None, self._silent(lane, now)
        stands = [one for one in self.standing if one.lease and one.lease.session in lane.sessions]
        if not stands:
            return None, None
        self._look_again(lane, now)
        if self._helped is not None and now < self._helped_until:
            return None, None
        for exchange in stands if self.lent < self._limits.response_buffer else ():
            if self._lend(exchange):
                self._helped, self._helped_until = exchange, now + PAUSE
                return exchange.lease, None
        late = now - stands[0].stands_since >= self._limits.slow_reader
        return None, stands[0] if late else None

    def _silent(self, lane: ExchangeLane, now: float) -> Exchange | None:
        """Of the client that has too many. No more than wait: workers have yet to let them go."""
        self._look_again(lane, now)
        leases = [lease for one in lane.sessions for lease in one.held.values()]
        held = [one.exchange for one in leases if one.lane is lane]
        going = sum(one.error is OVERLOADED for one in held)
        client = self._choice.hog(lane, going) if going < len(lane.waiting) else None
        its = [one for one in held if one.request.counts_for == client and one.state is not DONE]
        # The sooner its time is over, the longer nothing has come of it.
        return min(its, key=lambda one: one.slice, default=None)

    def _look_again(self, lane: ExchangeLane, now: float) -> None:
        self.pressed[lane] = None
        self.due = min(self.due, now + PAUSE)

    def _lend(self, exchange: Exchange) -> bool:
        most = self._limits.response_buffer
        left = min(most // LOAN_SHARE - exchange.lent, most - self.lent)
        lease, download = exchange.lease, exchange.download
        if lease is not None and lease.expected >= 0:
            needed = lease.expected - download.granted
            size = needed if needed <= left else 0
        else:
            size = min(left, self._limits.window)
        if size <= 0:
            return False
        download.lend(size)
        exchange.lent += size
        self.lent += size
        self.moves(exchange)
        return True
