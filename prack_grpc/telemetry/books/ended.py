"""One request that is over, as the books keep it."""

from typing import NamedTuple

from prack_grpc.core.http.message import WEBSOCKET, Kind
from prack_grpc.core.worker import Profile
from prack_grpc.telemetry.access import GONE


class Ended(NamedTuple):
    """A row of `access.Record`. Instants are those of `time.monotonic`, in their order.

    It `began` with its head, was `received` as far as it is read before it is queued, queued at
    `since`, `handed` out, `answered` with a head, which was `started` to be written, and `ended`.
    Where one of the last three but the end did not happen it is the next that did, so that their
    differences are times; without a `profile` no worker had it, with a `status` of 0 its client got
    nothing. The `earlier` hand-outs are told by profile and instant.
    """

    id: str
    kind: Kind
    method: bytes
    authority: bytes
    target: bytes
    client: str | None
    status: int
    error: str
    profile: Profile | None
    route: str
    attempt: int
    earlier: tuple[tuple[Profile, float], ...]
    began: float
    received: float
    since: float
    handed: float
    answered: float
    started: float
    ended: float
    taken: int
    sent: int

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
    def queue(self) -> float:
        """Seconds that it waited for a worker."""
        return self.handed - self.since

    @property
    def worker(self) -> float:
        """Seconds that the worker took to answer."""
        return self.answered - self.handed

    @property
    def gateway(self) -> float:
        """Seconds to the first byte of its response that neither explains."""
        return max(0.0, self.since - self.received + self.started - self.answered)
