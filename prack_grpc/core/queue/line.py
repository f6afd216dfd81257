"""What waits in a lane: the most urgent first, then the oldest, of clients that have their turn.

House rules: what waits is known by client, so that one with many requests is passed over in one
step; who is passed over holds much, so that there are few.
"""

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterator, Mapping
from heapq import merge
from typing import Generic, TypeVar

W = TypeVar("W", bound=Hashable)
# A level, of which the lowest goes first, and a place in it that no other item has, from 0 on.
Key = tuple[int, int]


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


class Line(Generic[W]):
    """Items by level and place, each of some client.

    A step costs a few look-ups by bisection, `next` also a look at each client that is passed over.
    """

    __slots__ = ("_clients", "_items", "_known", "_newest", "_oldest")

    def __init__(self) -> None:
        self._known: dict[W, tuple[str, Key]] = {}
        self._items: dict[Key, W] = {}
        self._clients: dict[str, list[Key]] = {}
        self._oldest = Ranking()
        self._newest: Ranking | None = None  # from the first time on that somebody asks for it

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[W]:
        for key in merge(*self._clients.values()):
            yield self._items[key]

    def add(self, item: W, client: str, level: int, place: int) -> None:
        """Put an item where it belongs; it must not be there."""
        key = level, place
        self._known[item] = client, key
        self._items[key] = item
        keys = self._clients.get(client)
        if keys is None:
            keys = self._clients[client] = []
        insort(keys, key)
        self._rank(client, keys)

    def discard(self, item: W) -> bool:
        """Take an item out. False if it was not there."""
        if item not in self._known:
            return False
        client, key = self._known.pop(item)
        del self._items[key]
        keys = self._clients[client]
        del keys[bisect_left(keys, key)]
        self._rank(client, keys)
        return True

    def first(self) -> W:
        """Who is next if all have their turn; there must be one."""
        return self._items[self._oldest.order[0][0]]

    def next(self, newest: bool, held: Mapping[str, int], most: int) -> W:
        """Who is next, or came last of those that are as urgent; there must be one.

        Clients that hold `most` have their turn only if there are no others.
        """
        order = self._ranking(newest).order
        for (level, place), client in order:
            if held.get(client, 0) < most:
                return self._items[level, abs(place)]
        level, place = order[0][0]
        return self._items[level, abs(place)]

    def count(self, client: str) -> int:
        """How many are of this client."""
        return len(self._clients.get(client, ()))

    def clear(self) -> None:
        """Let all go."""
        for item in list(self._known):
            self.discard(item)

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
