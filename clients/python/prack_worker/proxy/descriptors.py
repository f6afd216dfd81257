"""File descriptors: one for each exchange, as each has a connection to the application."""

from __future__ import annotations

import logging
import resource

log = logging.getLogger("prack_worker")

SPARE = 64  # for the gateway, the command, logs and libraries


def make_room(connections: int) -> None:
    """Raise the limit of this process, and of the command that it starts, as far as it may."""
    wanted = connections + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        if most < wanted:
            log.warning(
                "ulimit -n is %d, and --slots and --websocket-slots may need %d: raise it "
                "(LimitNOFILE of systemd, --ulimit of containers)", most, wanted,
            )  # fmt: skip
