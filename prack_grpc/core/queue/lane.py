"""The line of one route."""

import math
from collections import defaultdict
from collections.abc import Hashable
from typing import Generic, TypeVar

from prack_grpc.core.http.message import Kind, Request
from prack_grpc.core.queue.order import NEVER, Levels, Line
from prack_grpc.core.queue.pace import Pace
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.queue.traffic import Pool, Split

W = TypeVar("W", bound=Hashable)  # what waits
S = TypeVar("S", bound=Hashable)  # who serves it


class Lane(Generic[W, S]):
    """What waits for one route, and who is free to serve it. Never both, but for one slot.

    `uploads` are the requests that wait and whose body is still on its way; those of `ready` that
    may take one more of them are `open`, too. So many that left it are in work, `busy`;
    of each client so many are `held`. The last that left it were of the `latest` client, a `streak`
    of so many; infinite while there was no other.

    Where a split divides the requests of a route between versions, each of them has a lane of its
    own in `shares`, and nothing waits in the lane of the route itself, their `base`.
    """

    __slots__ = (
        "accepted",
        "base",
        "busy",
        "bytes",
        "founder",
        "held",
        "kind",
        "latest",
        "name",
        "open",
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
        "streak",
        "turn",
        "uploads",
        "waiting",
    )

    def __init__(
        self,
        kind: Kind,
        route: Route,
        now: float,
        base: "Lane[W, S] | None" = None,
        pool: Pool = ("", ""),
    ) -> None:
        self.kind = kind
        self.route = route
        self.name = str(route)
        self.base: Lane[W, S] = base or self
        self.pool = pool  # of a share
        self.founder: str | None = None  # the entry through whose worker the route is there
        self.waiting: Line[W] = Line()
        self.uploads: Line[W] = Line()
        self.busy = 0
        self.held: defaultdict[str, int] = defaultdict(int)
        self.latest: str | None = None
        self.streak = math.inf
        self.ready: Levels[S] = Levels()
        self.open: Levels[S] = Levels()
        self.sessions: dict[S, None] = {}
        self.seen = now  # when a worker came or left
        self.slice = NEVER  # its deadline while it lingers without workers
        self.turn = 0  # the number of its last hand-out
        self.pace = Pace()
        self.requests = self.bytes = 0  # what waits here and in the shares
        self.accepted = 0  # requests of this route, in all
        self.split: Split | None = None
        self.shares: dict[Pool, Lane[W, S]] = {}

    @property
    def count(self) -> int:
        """How many wait."""
        return len(self.waiting) + len(self.uploads)

    @property
    def pressed(self) -> bool:
        """What waits here needs slots, once all is handed out that may be: one may be left free."""
        return bool(self.waiting or (self.uploads and not self.ready))

    @property
    def passed_over(self) -> int:
        """How often a client had to wait as it had its share, and another had its turn."""
        return self.waiting.passed_over + self.uploads.passed_over

    @property
    def live(self) -> bool:
        """There are workers, or there were a moment ago."""
        return bool(self.sessions) or self.slice != NEVER

    def all(self) -> list[W]:
        """What waits, in no order."""
        return self.waiting.unsorted() + self.uploads.unsorted()

    def turn_to(self, client: str) -> None:
        """The last that left it was not of the latest client, but of this one."""
        if self.latest is not None:
            self.streak = 0.0
        self.latest = client

    def share(self, pool: Pool, now: float) -> "Lane[W, S]":
        """The lane of a version of this route."""
        lane = self.shares.get(pool)
        if lane is None:
            lane = self.shares[pool] = Lane(self.kind, self.route, now, self, pool)
        return lane

    def choose(self, request: Request, sequence: int, now: float) -> "Lane[W, S]":
        """Where a request of this route waits."""
        if self.split is None:
            return self
        live = [pool for pool, lane in self.shares.items() if lane.live]
        return self.share(self.split.choose(request, sequence, live), now)
