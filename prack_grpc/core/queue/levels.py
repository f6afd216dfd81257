"""Items in line, in levels: the lowest level goes first, and within a level who came first."""

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Levels(Generic[T]):
    """A line with as many levels as are in use. No step costs more for a longer line."""

    __slots__ = ("_levels", "_size")

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[T, None]] = {0: OrderedDict()}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        for items in self._levels.values():
            yield from items

    def add(self, item: T, level: int, front: bool = False) -> None:
        """Put an item at the end of its level, or at the front; it may be there already."""
        items = self._levels.get(level)
        if items is None:
            items = self._levels[level] = OrderedDict()
            self._levels = dict(sorted(self._levels.items()))
        if item not in items:
            self._size += 1
        elif not front and len(items) == 1:
            return
        items[item] = None
        items.move_to_end(item, last=not front)

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
        return next(iter(self._next_level()))

    def last(self) -> T:
        """Who came last of those that are next by level; there must be one."""
        return next(reversed(self._next_level()))

    def _next_level(self) -> OrderedDict[T, None]:
        for items in self._levels.values():
            if items:
                return items
        raise LookupError("no one is in line")

    def clear(self) -> None:
        """Let all go."""
        self._levels = {0: OrderedDict()}
        self._size = 0
