"""Every kind of attack, by name."""

from collections.abc import Callable
from typing import NamedTuple

from attack import clients, workers
from attack.wire import Target

# Longer than the canary is patient.
LONG = 7.0


class Kind(NamedTuple):
    """`survived` is False for what the gateway is known not to withstand: it is only shown.

    That takes one round of so many `seconds`.
    """

    run: Callable[[Target], None]
    survived: bool = True
    seconds: float = 0.0


KINDS = {
    "pipelining": Kind(clients.pipelining),
    "unfinished-heads": Kind(clients.unfinished_heads),
    "departures": Kind(clients.departures),
    "tiny-frames": Kind(clients.tiny_frames),
    "empty-fragments": Kind(clients.empty_fragments),
    "pings": Kind(clients.pings),
    "tiny-chunks": Kind(clients.tiny_chunks),
    "tiny-events": Kind(workers.tiny_events),
    "refused-events": Kind(workers.refused_events),
    "endless-head": Kind(workers.endless_head),
    "idle-api": Kind(workers.idle_api),
    "idle-grpc": Kind(workers.idle_grpc),
    "slow-uploads": Kind(clients.slow_uploads, survived=False, seconds=LONG),
    "slow-readers": Kind(clients.slow_readers, survived=False, seconds=LONG),
    "idle-websockets": Kind(clients.idle_websockets, survived=False, seconds=LONG),
    "silent-expect": Kind(clients.silent_expect, survived=False, seconds=LONG),
}
