"""What was done at one place: for a service, version and route, or there by one worker."""

from collections.abc import Iterable, Sequence

from prack_grpc.core.http.message import WEBSOCKET
from prack_grpc.telemetry.access import FIRST_ERROR, GONE, Tally
from prack_grpc.telemetry.books.histogram import Counts, Spread, add, empty, spread, total

# RFC 9110 section 9.3, RFC 5789, and what WebDAV uses most; others count as one.
METHODS = {
    method.encode(): method
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
                   "QUERY", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "REPORT")
}  # fmt: skip
OTHER_METHOD = "_OTHER"
OTHER = "_other"
# What is told apart at a place: method, class of status, transport, error.
Kind = tuple[str, int, str, str]
OTHER_KIND: Kind = (OTHER_METHOD, 0, OTHER, OTHER)


class Slice:
    """Some time's requests: how many, whose mistakes ended them, and times in seconds."""

    __slots__ = ("gateway", "gone", "requests", "times", "worker")

    def __init__(self) -> None:
        self.requests = self.gateway = self.worker = self.gone = 0
        self.times = empty()

    def add(self, tally: Tally, times: Spread) -> None:
        """Count these."""
        count = tally.requests
        self.requests += count
        if tally.error == GONE:
            self.gone += count
        elif tally.error:
            self.gateway += count
        elif tally.status >= FIRST_ERROR:
            self.worker += count
        add(self.times, times)


class Recent:
    """The requests of the time since the turn before last."""

    __slots__ = ("before", "now")

    def __init__(self) -> None:
        self.before = Slice()
        self.now = Slice()

    def turn(self) -> None:
        """Forget what was before the last turn."""
        self.before, self.now = self.now, Slice()

    @property
    def requests(self) -> int:
        """How many have ended."""
        return self.before.requests + self.now.requests

    @property
    def times(self) -> Counts:
        """All times of them."""
        return total((self.before.times, self.now.times))

    def errors(self) -> dict[str, int]:
        """How many ended by a mistake of the gateway, of a worker, or as the client had gone."""
        return total_errors((self,))


def total_errors(many: Iterable[Recent]) -> dict[str, int]:
    """`Recent.errors` of all these."""
    slices = [one for recent in many for one in (recent.before, recent.now)]
    return errors_of(slices)


def errors_of(slices: Iterable[Slice]) -> dict[str, int]:
    """Mistakes by who made them: the gateway, a worker; or the client had gone."""
    all_ = list(slices)
    return {
        "gateway": sum(one.gateway for one in all_),
        "worker": sum(one.worker for one in all_),
        GONE: sum(one.gone for one in all_),
    }


class Second:
    """One second of the gateway: how many requests ended, how, and where the waits went.

    `waits` are told in `queue`, `taken`, the workers' part, and `ours`. Bytes are those of bodies.
    """

    __slots__ = ("ends", "ours", "queue", "received", "sent", "taken", "waits")

    def __init__(self) -> None:
        self.ends = Slice()
        self.waits = self.ends.times
        self.queue, self.taken, self.ours = empty(), empty(), empty()
        self.received = self.sent = 0


class Times:
    """A histogram and its sum, in seconds."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = empty()
        self.sum = 0.0

    def add(self, times: Sequence[float]) -> Spread:
        """Count these, and say where they belong."""
        many = spread(times)
        self.count(times, many)
        return many

    def count(self, times: Sequence[float], many: Spread) -> None:
        """Count these, which are known to belong there."""
        add(self.counts, many)
        self.sum += sum(times)


class Place:
    """All requests of one service, version and route. `taken` and `sent` are bytes of bodies.

    Of its times, `waits` are those to the first byte, `durations` those to the last.
    """

    __slots__ = (
        "_most_kinds",
        "durations",
        "gateway",
        "kinds",
        "last_used",
        "queue",
        "recent",
        "route",
        "sent",
        "service",
        "taken",
        "version",
        "waits",
        "worker",
    )

    def __init__(self, service: str, version: str, route: str, most_kinds: int) -> None:
        self.service = service
        self.version = version
        self.route = route
        self.kinds: dict[Kind, int] = {}
        self._most_kinds = most_kinds
        self.waits = Times()
        self.durations = Times()
        self.queue = Times()
        self.worker = Times()
        self.gateway = Times()
        self.taken = self.sent = 0
        self.last_used = 0.0
        self.recent = Recent()

    def count(self, tally: Tally, transport: str) -> None:
        """Count how these ended."""
        method = METHODS.get(tally.method.encode(), OTHER_METHOD)
        kind = method, tally.status // 100, transport, tally.error
        if kind not in self.kinds and len(self.kinds) >= self._most_kinds:
            kind = OTHER_KIND
        self.kinds[kind] = self.kinds.get(kind, 0) + tally.requests


class Hand:
    """One worker's part of a place, with the times that it took; or, without a name, nobody's."""

    __slots__ = ("last_used", "place", "recent", "transport", "worker")

    def __init__(self, worker: str, transport: str, place: Place) -> None:
        self.worker = worker
        self.transport = transport
        self.place = place
        self.last_used = 0.0
        self.recent = Recent()

    def add(self, tally: Tally, second: Second) -> None:
        """Count these requests here, at the place and in this second."""
        place = self.place
        queue, worker, ours, waits, taken, sent, durations = tally.columns()
        place.count(tally, self.transport)
        received_bytes, sent_bytes = int(sum(taken)), int(sum(sent))
        place.taken += received_bytes
        place.sent += sent_bytes
        second.received += received_bytes
        second.sent += sent_bytes
        place.last_used = max(place.last_used, tally.ended)
        self.last_used = max(self.last_used, tally.ended)
        add(second.queue, place.queue.add(queue))
        if self.transport:
            spent = place.worker.add(worker)
            self.recent.now.add(tally, spent)
            add(second.taken, spent)
        spent = []
        if tally.status:  # or else its client got nothing
            add(second.ours, place.gateway.add(ours))
            spent = place.waits.add(waits)
            if tally.kind is not WEBSOCKET:
                same = durations is waits
                place.durations.count(durations, spent if same else spread(durations))
        place.recent.now.add(tally, spent)
        second.ends.add(tally, spent)
