"""What has changed in the queue since somebody looked who follows it."""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

L = TypeVar("L", bound=Hashable)
S = TypeVar("S", bound=Hashable)


@dataclass(slots=True)
class Changes(Generic[L, S]):
    """In these `lanes` something waits or ceased to, and `sessions` have other slots or lines."""

    lanes: dict[L, None] = field(default_factory=dict)
    sessions: dict[S, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.sessions or self.lanes)

    def take(self) -> tuple[list[L], list[S]]:
        """All of it, to be forgotten."""
        taken = list(self.lanes), list(self.sessions)
        self.lanes.clear()
        self.sessions.clear()
        return taken
