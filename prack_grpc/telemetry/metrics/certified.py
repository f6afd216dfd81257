"""Certificates: when they end, and whether they are renewed."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from prack_grpc.telemetry.certified import Certified
from prack_grpc.telemetry.metrics.family import counter, gauge, only


def certified(now: Certified) -> Iterator[Metric]:
    """What there is of it: nothing of a port without TLS, no failures without an authority."""
    if now.ends:
        about = "When the first certificate of a port ends, in Unix time."
        ends = [((port,), end) for port, end in now.ends.items()]
        yield gauge("prack_certificate_expiry_timestamp_seconds", about, ends, "port")
    if now.failures is not None:
        about = "Orders of certificates that failed."
        yield counter("prack_acme_failures_total", about, only(now.failures))
