"""The conservation law, kept exact at every instant (promise S12)."""

from dataclasses import dataclass, field

from prack_grpc.core.exchange.states import Outcome


@dataclass(slots=True)
class Counters:
    """What was accepted and how it ended; what was handed out and how that ended.

    `accepted` equals the sum of `done` and the exchanges in flight; `leased` equals the sum of
    the four ends and the open leases. Of those `redelivered`, by reason, a worker was lost, or did
    not begin them.
    """

    accepted: int = 0
    done: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    leased: int = 0
    answered: int = 0
    returned: int = 0
    failed: int = 0
    cancelled: int = 0
    redelivered: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("worker_lost", "returned"), 0)
    )
