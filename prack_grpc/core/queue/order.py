"""In which order items come: by level and arrival (`Levels`), or by deadline (`Deadlines`)."""

import heapq
import math
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)


class Levels(Generic[T]):
    """A line: the lowest level goes first, and within a level who came first.

    It has as many levels as are in use, and no step costs more for a longer line.
    """

    __slots__ = ("_levels", "_size")

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[T, None]] = {0: OrderedDict()}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for items in self._levels.values():
            yield from items

    def add(self, item: T, level: int) -> None:
        """Put an item at the end of its level; it may be there already."""
        items = self._levels.get(level)
        if items is None:
            items = self._levels[level] = OrderedDict()
            self._levels = dict(sorted(self._levels.items()))
        if item not in items:
            self._size += 1
        elif len(items) == 1:
            return
        items[item] = None
        items.move_to_end(item)

    def discard(self, item: T, level: int) -> bool:
        """Take an item out of its level. False if it was not there."""
        items = self._levels.get(level)
        if items is None or item not in items:
            return False
        del items[item]
        self._size -= 1
        return True

    def first(self) -> T:
        """Who is next; there must be one."""
        for items in self._levels.values():
            if items:
                return next(iter(items))
        raise LookupError("no one is in line")


class Due(Protocol):
    """Something that has at most one deadline; the slice is ours to keep."""

    slice: int


D = TypeVar("D", bound=Due)
NEVER = -1


class Deadlines(Generic[D]):
    """At most one deadline for each item, in time slices: each step costs the same for any number.

    An item falls due up to `tick` seconds late, never early. Nothing falls due before `soonest`
    (seconds, or infinity), which costs nothing to look at; it may be earlier than `next`. Memory is
    one set entry an item and one set a slice in use.
    """

    def __init__(self, tick: float = 0.05) -> None:
        self._tick = tick
        self._slices: dict[int, dict[D, None]] = {}
        self._order: list[int] = []
        self.soonest = math.inf

    def set(self, item: D, when: float) -> None:
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

    def clear(self, item: D) -> None:
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

    def first(self) -> D:
        """One of those that fall due first; there must be one."""
        self.next()
        return next(iter(self._slices[self._order[0]]))

    def due(self, now: float) -> list[D]:
        """Remove and return the items whose deadline has passed, oldest slice first."""
        items: list[D] = []
        while self._order and self._order[0] * self._tick <= now:
            for item in self._slices.pop(heapq.heappop(self._order)):
                item.slice = NEVER
                items.append(item)
        self.next()
        return items

    def _look(self) -> None:
        self.soonest = self._order[0] * self._tick if self._order else math.inf
