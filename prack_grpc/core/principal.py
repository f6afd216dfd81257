"""Who a worker is, and what it may serve."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a worker's credentials name. With one token for all, each may serve everything."""

    name: str


# Whoever has reached the worker API with the one token, or where none is asked for.
TRUSTED = Principal("worker")
