"""The line of one route."""

from typing import TYPE_CHECKING

from prack_grpc.core.deadlines import NEVER
from prack_grpc.core.http.message import Request
from prack_grpc.core.queue.levels import Levels
from prack_grpc.core.queue.pace import Pace
from prack_grpc.core.queue.traffic import Pool, Split

if TYPE_CHECKING:
    from prack_grpc.core.exchange.exchange import Exchange
    from prack_grpc.core.exchange.session import Session
    from prack_grpc.core.queue.routes import Route, RouteTable


class Lane:
    """What waits for one route, and who is free to serve it. Never both at once.

    Where a split divides the requests of a route between versions, each of them has a lane of its
    own in `shares`, and nothing waits in the lane of the route itself, their `base`.
    """

    __slots__ = (
        "base",
        "bytes",
        "pace",
        "pool",
        "ready",
        "requests",
        "route",
        "seen",
        "sessions",
        "shares",
        "slice",
        "split",
        "table",
        "turn",
        "waiting",
    )

    def __init__(
        self,
        table: "RouteTable",
        route: "Route",
        now: float,
        base: "Lane | None" = None,
        pool: Pool = ("", ""),
    ) -> None:
        self.table = table
        self.route = route
        self.base = base or self
        self.pool = pool  # of a share
        self.waiting: Levels[Exchange] = Levels()
        self.ready: Levels[Session] = Levels()
        self.sessions: dict[Session, None] = {}
        self.seen = now  # when a worker came or left
        self.slice = NEVER  # its deadline while it lingers without workers
        self.turn = 0  # the number of its last hand-out
        self.pace = Pace()
        self.requests = self.bytes = 0  # what waits here and in the shares
        self.split: Split | None = None
        self.shares: dict[Pool, Lane] = {}

    @property
    def live(self) -> bool:
        """There are workers, or there were a moment ago."""
        return bool(self.sessions) or self.slice != NEVER

    def share(self, pool: Pool, now: float) -> "Lane":
        """The lane of a version of this route."""
        lane = self.shares.get(pool)
        if lane is None:
            lane = self.shares[pool] = Lane(self.table, self.route, now, self, pool)
        return lane

    def choose(self, request: Request, sequence: int, now: float) -> "Lane":
        """Where a request of this route waits."""
        if self.split is None:
            return self
        live = [pool for pool, lane in self.shares.items() if lane.live]
        return self.share(self.split.choose(request, sequence, live), now)
