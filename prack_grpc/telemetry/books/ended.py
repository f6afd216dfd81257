"""One request that is over, as the books keep it."""

from typing import NamedTuple

from prack_grpc.core.http.message import WEBSOCKET, Kind
from prack_grpc.core.worker import Profile
from prack_grpc.telemetry.access import GONE


class Ended(NamedTuple):
    """What its `access.Tally` has in common, a row there and, from `ended` on, its details.

    In seconds, it waited `queue` for a worker, which took `worker` to answer with a head; `ours` is
    the time to the first byte of its response that neither explains, `wait` all of it to there, and
    `duration` to its end. Without a `profile` no worker had it; with a `status` of 0 its client got
    nothing. It was queued at `since`; that, `ended`, and the instants of `earlier` hand-outs are
    those of `time.monotonic`.
    """

    profile: Profile | None
    route: str
    method: str
    status: int
    error: str
    kind: Kind
    queue: float
    worker: float
    ours: float
    wait: float
    duration: float
    taken: int
    sent: int
    ended: float
    id: str
    authority: bytes
    target: bytes
    client: str | None
    attempt: int
    earlier: tuple[tuple[Profile, float], ...]
    since: float

    @property
    def outcome(self) -> str:
        """Who ended it: `worker`, `gateway` or `client_gone`."""
        if self.error == GONE:
            return GONE
        return "gateway" if self.error else "worker"

    @property
    def socket(self) -> bool:
        """It was a WebSocket, whose duration says nothing about anybody's speed."""
        return self.kind is WEBSOCKET

    @property
    def gateway(self) -> float:
        """`ours`, which may be less than nothing by a rounding."""
        return max(0.0, self.ours)

    @property
    def began(self) -> float:
        """When its head was here."""
        return self.ended - self.duration

    @property
    def handed(self) -> float:
        """When a worker got it."""
        return self.since + self.queue

    @property
    def started(self) -> float:
        """When the head of its response was written."""
        return self.began + self.wait
