"""File descriptors: one for each connection of a client, and some for all else."""

import logging
import resource
from dataclasses import replace

from prack_grpc.gateway.http.limits import ConnectionLimits

log = logging.getLogger(__name__)

# Left for workers, logs and libraries when there are as many clients as there may be. When those
# have taken half of them, no more clients are let in.
SPARE = 64
FEWER = (
    "ulimit -n is too low for the limit of connections, so fewer are accepted; raise it "
    "(LimitNOFILE of systemd, --ulimit of containers)"
)


def fitted(limits: ConnectionLimits) -> ConnectionLimits:
    """These limits, with fewer connections if the system has no descriptors for so many.

    Raises the process's own limit as far as it may first, up to a worker for each client.
    """
    wanted = 2 * limits.connections + SPARE
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = (wanted if n == resource.RLIM_INFINITY else n for n in (now, most))
    if soft < min(hard, wanted):
        soft = min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, most))
    connections = max(soft - SPARE, 1)
    if connections >= limits.connections:
        return limits
    share = min(limits.client_connections, (connections + 1) // 2)
    log.warning(FEWER, extra={"connections": connections, "of_one_client": share})
    return replace(limits, connections=connections, client_connections=share)


def are_short(number: int) -> bool:
    """Whether few descriptors are left, as this one was just given: the lowest is given first."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft != resource.RLIM_INFINITY and number >= soft - SPARE // 2
