"""In which order items come: by level and turn (`Levels`), by level and age, of clients that have
their turn (`Line`), or by deadline (`Deadlines`).
"""

import heapq
import math
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)
# A level, of which the lowest goes first, and a place in it that no other item has, from 0 on.
Key = tuple[int, int]


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


class Ranking:
    """Clients in the order of the key that each has."""

    __slots__ = ("_keys", "order")

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self.order: list[tuple[Key, str]] = []

    def set(self, client: str, key: Key) -> None:
        """Give a client this key in place of any other."""
        if self._keys.get(client) != key:
            self.drop(client)
            self._keys[client] = key
            insort(self.order, (key, client))

    def drop(self, client: str) -> None:
        """Forget a client, if it is known."""
        if key := self._keys.pop(client, None):
            del self.order[bisect_left(self.order, (key, client))]


class Line(Generic[T]):
    """Items by level and place, each of some client.

    They are known by client, so that one that has many is passed over in one step; who is passed
    over holds much, so that there are few. A step costs some look-ups by bisection, `next` also a
    look at each client that is passed over. `passed_over` counts these looks.
    """

    __slots__ = ("_clients", "_items", "_known", "_newest", "_oldest", "passed_over")

    def __init__(self) -> None:
        self._known: dict[T, tuple[str, Key]] = {}
        self._items: dict[Key, T] = {}
        self._clients: dict[str, list[Key]] = {}
        self._oldest = Ranking()
        self._newest: Ranking | None = None  # from the first time on that somebody asks for it
        self.passed_over = 0

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[T]:
        for key in heapq.merge(*self._clients.values()):
            yield self._items[key]

    def unsorted(self) -> list[T]:
        """All, in no order, which is had soonest."""
        return list(self._known)

    def add(self, item: T, client: str, level: int, place: int) -> None:
        """Put an item where it belongs; it must not be there."""
        key = level, place
        self._known[item] = client, key
        self._items[key] = item
        keys = self._clients.get(client)
        if keys is None:
            keys = self._clients[client] = []
        insort(keys, key)
        self._rank(client, keys)

    def discard(self, item: T) -> bool:
        """Take an item out. False if it was not there."""
        if item not in self._known:
            return False
        client, key = self._known.pop(item)
        del self._items[key]
        keys = self._clients[client]
        del keys[bisect_left(keys, key)]
        self._rank(client, keys)
        return True

    def first(self) -> T:
        """Who is next if all have their turn; there must be one."""
        return self._items[self._oldest.order[0][0]]

    def foremost(self, held: Mapping[str, int], most: int) -> T:
        """The oldest of the most urgent of clients that hold less than `most`, or else of all."""
        order = self._oldest.order
        turn = next((key for key, client in order if held.get(client, 0) < most), order[0][0])
        return self._items[turn]

    def next(self, newest: bool, held: Mapping[str, int], most: int) -> T:
        """Who is next, or came last of those that are as urgent; there must be one.

        Clients that hold `most` have their turn only if there are no others.
        """
        order = self._ranking(newest).order
        for (level, place), client in order:
            if held.get(client, 0) < most:
                return self._items[level, abs(place)]
            self.passed_over += 1
        self.passed_over -= len(order)  # for nobody
        level, place = order[0][0]
        return self._items[level, abs(place)]

    def count(self, client: str) -> int:
        """How many are of this client."""
        return len(self._clients.get(client, ()))

    def _ranking(self, newest: bool) -> Ranking:
        if not newest:
            return self._oldest
        if self._newest is None:
            self._newest = Ranking()
            for client, keys in self._clients.items():
                self._newest.set(client, _latest(keys))
        return self._newest

    def _rank(self, client: str, keys: list[Key]) -> None:
        if keys:
            self._oldest.set(client, keys[0])
            if self._newest is not None:
                self._newest.set(client, _latest(keys))
            return
        del self._clients[client]
        self._oldest.drop(client)
        if self._newest is not None:
            self._newest.drop(client)


def _latest(keys: list[Key]) -> Key:
    """Of the last on the first level: where it is the lowest, who came last goes first."""
    level = keys[0][0]
    place = keys[bisect_left(keys, (level + 1, 0)) - 1][1]
    return level, -place


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
