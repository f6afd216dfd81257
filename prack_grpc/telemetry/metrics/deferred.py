"""Requests that are kept: how many, and for how long."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from prack_grpc.core.deferred.counts import Counts
from prack_grpc.telemetry.metrics.family import gauge, only


def deferred(counts: Counts | None, now: float) -> Iterator[Metric]:
    """Nothing of a gateway that keeps none. `now` is in Unix time."""
    if counts is None:
        return
    about = "Kept requests that were not answered yet."
    yield gauge("prack_deferred_requests", about, only(counts.waiting))
    about = "Kept requests that are dead letters."
    yield gauge("prack_dead_letters", about, only(counts.dead))
    about = "How long the oldest kept request has waited."
    age = max(0.0, now - counts.oldest) if counts.oldest else 0.0
    yield gauge("prack_deferred_oldest_seconds", about, only(age))
