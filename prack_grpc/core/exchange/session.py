"""One worker's connection to the gateway: its slots, what it holds, and how it ends.

House rules: a session never holds more than its slots; one that drains is given nothing more;
numbers are never used again.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.queue.traffic import Pool

if TYPE_CHECKING:
    from prack_grpc.core.exchange.exchange import Lease
    from prack_grpc.core.queue.lane import Lane


@dataclass(slots=True, eq=False)
class Session:
    """A gRPC stream, or one REST poll: a session that drains as soon as it was given something.

    `acknowledges` says whether the worker answers a cancel: if it does, a cancelled lease keeps
    its slot until then. `port` belongs to the edge that the worker is connected to. It is given
    work only while no session of a lower `tier` is free for it. A worker that does not answer
    within `lease` seconds, if that is not 0, is taken for lost. While it is `paused`, it is in no
    line.
    """

    worker: str
    slots: int
    acknowledges: bool
    port: Any
    routes: tuple[Route, ...] = (Route(),)
    service: str = ""
    version: str = ""
    kinds: tuple[Kind, ...] = (Kind.HTTP,)
    tier: int = 0
    lease: float = 0.0
    joined_at: float = 0.0
    lanes: "list[Lane]" = field(default_factory=list)
    held: "dict[int, Lease]" = field(default_factory=dict)
    last_number: int = 0
    draining: bool = False
    lost: bool = False
    paused: bool = False

    @property
    def pool(self) -> Pool:
        """What it runs."""
        return self.service, self.version

    @property
    def free(self) -> bool:
        """Another exchange may be handed to this worker now."""
        return len(self.held) < self.slots and not self.draining
