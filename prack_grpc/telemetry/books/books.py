"""The books: each request that has ended, counted and remembered, within bounds.

On the way of a request `access.Keeper` takes a row of times, and puts it to those that ended alike.
Rows are counted many at a time, which costs less than half.
"""

from prack_grpc.core.limits import BookLimits
from prack_grpc.telemetry.access import KEPT_A_SECOND, Keeper, Tally
from prack_grpc.telemetry.books.ended import Ended
from prack_grpc.telemetry.books.place import OTHER, Hand, Place, Second

SLICE_SECONDS = 30.0
# What is not used for so long makes room: the one costs memory, the other matters only to many.
HAND_SECONDS, PLACE_SECONDS = 900.0, 3600.0
Key = tuple[str, str, str, str, str]  # worker, transport, service, version, route


class Books(Keeper):
    """What has ended since the start. `now` is of `time.monotonic` everywhere.

    `places` holds what was done for each service, version and route, `hands` each worker's part of
    that, `refusals` how many requests were not understood, by error. What comes beyond the bounds
    is counted under `_other`. All are current after `settle`.
    """

    def __init__(self, limits: BookLimits, now: float) -> None:
        super().__init__(limits.requests)
        self._limits = limits
        self.places: dict[tuple[str, str, str], Place] = {}
        self.hands: dict[Key, Hand] = {}
        self.refusals: dict[str, int] = {}
        self._second = Second()
        self._since = self._before = now  # of the two slices

    def refused(self, code: str) -> None:
        """See access.Keeper."""
        self.refusals[code] = self.refusals.get(code, 0) + 1

    def count(self, tally: Tally) -> None:
        """See access.Keeper."""
        profile, route = tally.profile, tally.route
        if profile is None:
            key: Key = "", "", "", "", route
        else:
            key = profile.worker, profile.transport, profile.service, profile.version, route
        (self.hands.get(key) or self._hand(key)).add(tally, self._second)
        tally.clear()

    def last(self) -> list[Ended]:
        """The last requests, the newest first."""
        return [Ended(*one) for one in reversed(self._details)]

    def window(self, now: float) -> float:
        """For how many seconds `recent` requests of places and hands are remembered now."""
        return now - self._before

    def turn(self, now: float) -> Second:
        """To be called once a second: counts, and forgets what is no longer recent, or not used.

        Returns what has ended since it was called before.
        """
        self.settle()
        second, self._second = self._second, Second()
        self._room = KEPT_A_SECOND
        if now - self._since >= SLICE_SECONDS:
            self._forget(now)
        return second

    def _forget(self, now: float) -> None:
        self._before, self._since = self._since, now
        for key, hand in list(self.hands.items()):
            hand.recent.turn()
            if now - hand.last_used > HAND_SECONDS:
                del self.hands[key]
        kept = {id(hand.place) for hand in self.hands.values()}
        crowded = len(self.places) > self._limits.places / 2
        for name, place in list(self.places.items()):
            place.recent.turn()
            if crowded and now - place.last_used > PLACE_SECONDS and id(place) not in kept:
                del self.places[name]

    def _place(self, name: tuple[str, str, str]) -> Place:
        if name not in self.places and len(self.places) >= self._limits.places:
            name = OTHER, OTHER, OTHER
        place = self.places.get(name)
        if place is None:
            place = self.places[name] = Place(*name, self._limits.kinds)
        return place

    def _hand(self, key: Key) -> Hand:
        worker, transport, *name = key
        place = self._place((name[0], name[1], name[2]))
        if len(self.hands) >= self._limits.workers:
            worker = OTHER  # there are only so many places
        key = worker, transport, place.service, place.version, place.route
        hand = self.hands.get(key)
        if hand is None:
            hand = self.hands[key] = Hand(worker, transport, place)
        return hand
