"""How many requests of one client are accepted, in all or of a route: token buckets.

A bucket is kept as one number, the time at which it is full again (the generic cell rate algorithm
of ITU-T I.371). One that is full says nothing and is forgotten, so that only those who have asked a
moment ago are remembered. Where these are too many, the bucket goes that is full first: least is
lost with it. Who asks once each under many addresses makes room among these, and can neither empty
the table nor have those forgotten who have reached their limit.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Request
from prack_grpc.core.queue import by_route
from prack_grpc.core.queue.by_route import ByRoute
from prack_grpc.core.queue.order import NEVER, Deadlines
from prack_grpc.core.queue.routes import Route

RATE = re.compile(r"([1-9]\d{0,5})/([sm])(?: +burst +([1-9]\d{0,5}))?")
SECONDS = {"s": 1, "m": 60}
# Of the time in which a bucket fills; what is full is forgotten up to one of these later.
SLICES = 64
# The part of a token that sums of times may be wrong by.
SLACK = 0.001


@dataclass(frozen=True, slots=True)
class Rate:
    """So many requests a second on average, and up to `burst` at once."""

    per_second: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> "Rate":
        """A rate from `100/s`, `5/m` or `100/s burst 200`. Raises ValueError.

        Without a burst, that of one second or minute.
        """
        match = RATE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"expected a rate such as 5/m or 100/s burst 200, not {text!r}")
        return cls(int(match[1]) / SECONDS[match[2]], int(match[3] or match[1]))

    def divided(self, parts: int) -> "Rate":
        """The rate of one part of so many. The burst stays whole, as one may get it all."""
        return Rate(self.per_second / parts, self.burst)


def parse(text: str) -> dict[Route, Rate]:
    """Rates by route from `100/s; POST /login = 5/m`. Raises ValueError."""
    return by_route.parse(text, "rate", Rate.parse)


class Bucket:
    """What one client has taken, as the time at which that is made up for."""

    __slots__ = ("client", "full", "slice")

    def __init__(self, client: str) -> None:
        self.client = client
        self.full = 0.0
        self.slice = NEVER


class Buckets:
    """The buckets of one rate; at most `most` of them are remembered.

    Times are seconds and never go back. No step costs more for more clients.
    """

    def __init__(self, rate: Rate, most: int) -> None:
        self._interval = 1 / rate.per_second
        self._depth = rate.burst * self._interval
        self._most = most
        self._buckets: dict[str, Bucket] = {}
        self._filling: Deadlines[Bucket] = Deadlines(tick=self._depth / SLICES)
        self._policy = b'"client";q=%d;w=%d' % (rate.burst, math.ceil(self._depth))

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, now: float) -> float:
        """Take a token of this client. 0, or in how many seconds there is one: none was taken."""
        if now >= self._filling.soonest:
            for bucket in self._filling.due(now):
                del self._buckets[bucket.client]
        known = self._buckets.get(client)
        full = (max(known.full, now) if known else now) + self._interval
        wait = full - now - self._depth
        if wait > self._interval * SLACK:
            return wait
        bucket = known or self._remember(client)
        bucket.full = full
        self._filling.set(bucket, full)
        return 0.0

    def _remember(self, client: str) -> Bucket:
        if len(self._buckets) >= self._most:
            least = self._filling.first()
            self._filling.clear(least)
            del self._buckets[least.client]
        bucket = self._buckets[client] = Bucket(client)
        return bucket

    def refusal(self, wait: float) -> GatewayError:
        """The answer to a client that has to wait for so many seconds.

        It has the fields of draft-ietf-httpapi-ratelimit-headers-10: the quota is the bucket, its
        window the time in which the bucket fills.
        """
        seconds = math.ceil(wait)
        fields = (
            (b"ratelimit-policy", self._policy),
            (b"ratelimit", b'"client";r=0;t=%d' % seconds),
        )
        detail = f"This client sends more requests than it may; wait {seconds} s"
        return GatewayError(errors.RATE_LIMITED, detail, seconds, fields)


class RateLimits:
    """Counts a request at the most specific route that it matches and that has a rate."""

    def __init__(self, rates: Mapping[Route, Rate], clients: int) -> None:
        """For each rate, so many `clients` are remembered."""
        self._buckets = ByRoute({route: Buckets(rate, clients) for route, rate in rates.items()})

    def ask(self, client: str, request: Request, now: float) -> None:
        """Count a request of this client. Raises GatewayError if it is one too many."""
        buckets = self._buckets.get(request)
        if buckets is not None and (wait := buckets.take(client, now)):
            raise buckets.refusal(wait)
