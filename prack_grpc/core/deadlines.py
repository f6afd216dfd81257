"""Deadlines in time slices: setting, moving and clearing one costs the same however many exist."""

import heapq
import math
from typing import Generic, Protocol, TypeVar


class Due(Protocol):
    """Something that has at most one deadline; the slice is ours to keep."""

    slice: int


T = TypeVar("T", bound=Due)
NEVER = -1


class Deadlines(Generic[T]):
    """At most one deadline for each item. An item falls due up to `tick` seconds late, never early.

    Nothing falls due before `soonest` (seconds, or infinity), which costs nothing to look at; it
    may be earlier than `next`. Memory is one set entry an item and one set a slice in use.
    """

    def __init__(self, tick: float = 0.05) -> None:
        self._tick = tick
        self._slices: dict[int, dict[T, None]] = {}
        self._order: list[int] = []
        self.soonest = math.inf

    def set(self, item: T, when: float) -> None:
        """Give the item this deadline in place of any other."""
        slice_ = int(when / self._tick) + 1
        if item.slice == slice_:
            return
        if item.slice != NEVER:
            del self._slices[item.slice][item]
        item.slice = slice_
        items = self._slices.get(slice_)
        if items is None:
            items = self._slices[slice_] = {}
            heapq.heappush(self._order, slice_)
            self._look()
        items[item] = None

    def clear(self, item: T) -> None:
        """Take the item's deadline away, if it has one."""
        if item.slice != NEVER:
            del self._slices[item.slice][item]
            item.slice = NEVER

    def next(self) -> float | None:
        """The time of the next call to `due`, None when nothing has a deadline."""
        while self._order and not self._slices[self._order[0]]:
            del self._slices[heapq.heappop(self._order)]
        self._look()
        return self.soonest if self._order else None

    def due(self, now: float) -> list[T]:
        """Remove and return the items whose deadline has passed, oldest slice first."""
        items: list[T] = []
        while self._order and self._order[0] * self._tick <= now:
            for item in self._slices.pop(heapq.heappop(self._order)):
                item.slice = NEVER
                items.append(item)
        self.next()
        return items

    def _look(self) -> None:
        self.soonest = self._order[0] * self._tick if self._order else math.inf
