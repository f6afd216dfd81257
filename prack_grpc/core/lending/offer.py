"""What a gateway offers to others: what some of its workers serve."""

from dataclasses import dataclass

from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route


@dataclass(frozen=True, slots=True)
class Offer:
    """What workers of one gateway have in common that serve the same: their slots are alike.

    A worker with slots of its own for WebSockets is part of two offers, one for each kind of slot.
    The words are those of `core.worker.Profile`; those that collect take `whole` requests.
    """

    routes: tuple[Route, ...]
    service: str
    version: str
    kinds: tuple[Kind, ...]
    tier: int
    tunnel: bool = False
    whole: bool = False
