"""Every kind of attack, by name."""

from collections.abc import Callable
from typing import NamedTuple

from attack import clients, workers
from attack.wire import Target

# Longer than the canary is patient.
LONG = 7.0
# The few answers beside a crowd that connects are late; see docs/attacks.md.
CROWDED = 4.0


class Kind(NamedTuple):
    """What takes its time has one round of so many `seconds`, in place of short ones.

    What `fills` a table that is bounded has so many seconds to do so, before anything is measured.
    What `upgrades` needs WebSockets, which a worker over REST does not take.
    """

    run: Callable[[Target], None]
    seconds: float = 0.0
    fills: float = 0.0
    upgrades: bool = False

    @property
    def proxied(self) -> bool:
        """Whether it goes through a proxy, and is the same where nobody takes WebSockets."""
        return self.run.__module__ == clients.__name__ and not self.upgrades


KINDS = {
    "pipelining": Kind(clients.pipelining),
    "unfinished-heads": Kind(clients.unfinished_heads),
    "empty-lines": Kind(clients.empty_lines),
    "dribbled-heads": Kind(clients.dribbled_heads),
    "bad-requests": Kind(clients.bad_requests),
    "departures": Kind(clients.departures),
    "tiny-frames": Kind(clients.tiny_frames, upgrades=True),
    "empty-fragments": Kind(clients.empty_fragments, upgrades=True),
    "crowd": Kind(clients.crowd, seconds=2.0, upgrades=True),
    "crowd-asks": Kind(clients.crowd_asks, seconds=CROWDED),
    "packed-messages": Kind(clients.packed_messages, upgrades=True),
    "pings": Kind(clients.pings, upgrades=True),
    "tiny-chunks": Kind(clients.tiny_chunks),
    "tiny-events": Kind(workers.tiny_events),
    "refused-events": Kind(workers.refused_events),
    "endless-head": Kind(workers.endless_head),
    "bad-calls": Kind(workers.bad_calls),
    "pipelined-polls": Kind(workers.pipelined_polls),
    "crowd-refused": Kind(workers.crowd_refused, seconds=CROWDED),
    "crowd-polls": Kind(workers.crowd_polls, seconds=CROWDED),
    "rapid-resets": Kind(workers.rapid_resets),
    "idle-api": Kind(workers.idle_api),
    "idle-grpc": Kind(workers.idle_grpc),
    "slow-uploads": Kind(clients.slow_uploads, seconds=LONG),
    "slow-readers": Kind(clients.slow_readers, seconds=LONG),
    "idle-websockets": Kind(clients.idle_websockets, seconds=LONG, upgrades=True),
    "hogs": Kind(clients.hogs, seconds=LONG),
    "silent-expect": Kind(clients.silent_expect, seconds=LONG),
    # The last: there may be no more routes after it for ten minutes. 10,000 of them take 45 MiB.
    "route-churn": Kind(workers.route_churn, fills=5.0),
}
