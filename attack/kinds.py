"""Every kind of attack, by name."""

from collections.abc import Callable
from typing import NamedTuple

from attack import clients, workers
from attack.wire import Target

# Longer than the canary is patient.
LONG = 7.0


class Kind(NamedTuple):
    """What takes its time has one round of so many `seconds`, in place of short ones."""

    run: Callable[[Target], None]
    seconds: float = 0.0


KINDS = {
    "pipelining": Kind(clients.pipelining),
    "unfinished-heads": Kind(clients.unfinished_heads),
    "empty-lines": Kind(clients.empty_lines),
    "dribbled-heads": Kind(clients.dribbled_heads),
    "bad-requests": Kind(clients.bad_requests),
    "departures": Kind(clients.departures),
    "tiny-frames": Kind(clients.tiny_frames),
    "empty-fragments": Kind(clients.empty_fragments),
    "crowd": Kind(clients.crowd, seconds=2.0),
    "packed-messages": Kind(clients.packed_messages),
    "pings": Kind(clients.pings),
    "tiny-chunks": Kind(clients.tiny_chunks),
    "tiny-events": Kind(workers.tiny_events),
    "refused-events": Kind(workers.refused_events),
    "endless-head": Kind(workers.endless_head),
    "bad-calls": Kind(workers.bad_calls),
    "pipelined-polls": Kind(workers.pipelined_polls),
    "rapid-resets": Kind(workers.rapid_resets),
    "idle-api": Kind(workers.idle_api),
    "idle-grpc": Kind(workers.idle_grpc),
    "slow-uploads": Kind(clients.slow_uploads, seconds=LONG),
    "slow-readers": Kind(clients.slow_readers, seconds=LONG),
    "idle-websockets": Kind(clients.idle_websockets, seconds=LONG),
    "hogs": Kind(clients.hogs, seconds=LONG),
    "silent-expect": Kind(clients.silent_expect, seconds=LONG),
}
