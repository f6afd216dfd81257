"""The books: each request that has ended, counted and remembered, within bounds.

Of each a row of times is taken, and put to those that ended alike. Rows are counted many at a
time, which costs less than half.
"""

from collections import deque
from typing import Any

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import HTTP
from prack_grpc.core.limits import BookLimits
from prack_grpc.telemetry.access import GONE, Queued, Record
from prack_grpc.telemetry.books.ended import Ended, details
from prack_grpc.telemetry.books.place import FIRST_ERROR, OTHER, Hand, Place, Second
from prack_grpc.telemetry.books.tally import NONE, WIDTH, Tally

SLICE_SECONDS = 30.0
# What is not used for so long makes room: the one costs memory, the other matters only to many.
HAND_SECONDS, PLACE_SECONDS = 900.0, 3600.0
KEPT_A_SECOND = 500
FULL = 250 * WIDTH  # more than so many requests would not stay in a core's cache
MOST_TALLIES = 500  # if more are different in a second, they are counted before it is over
Key = tuple[str, str, str, str, str]  # worker, transport, service, version, route


class Books:
    """What has ended since the start. `now` is of `time.monotonic` everywhere.

    `places` holds what was done for each service, version and route, `hands` each worker's part of
    that, `refusals` how many requests were not understood, by error. What comes beyond the bounds
    is counted under `_other`. All are current after `settle`.
    """

    def __init__(self, limits: BookLimits, now: float) -> None:
        self._limits = limits
        self._details: deque[tuple[Any, ...]] = deque(maxlen=limits.requests)
        self.places: dict[tuple[str, str, str], Place] = {}
        self.hands: dict[Key, Hand] = {}
        self.refusals: dict[str, int] = {}
        self._room = KEPT_A_SECOND  # for so many more details in this second, if all goes well
        self._tally = NONE  # the last one
        self._tallies: dict[tuple[Any, ...], Tally] = {}
        self._second = Second()
        self._since = self._before = now  # of the two slices

    def refused(self, code: str) -> None:
        """See access.Keeper."""
        self.refusals[code] = self.refusals.get(code, 0) + 1

    def answered(self, record: Record, ticket: Queued, taken: Assignment, now: float) -> None:
        """See access.Keeper: nearly all requests, so each byte code here counts."""
        # No more than three at a time: those would be made as tuples.
        tally, method, status = self._tally, record.method, record.status
        if (
            method != tally.method or status != tally.status
            or taken.profile is not tally.profile or taken.route is not tally.route
        ):  # fmt: skip
            tally = self._tally = self._find((taken.profile, taken.route, method, status))
        since, handed, answered = ticket.since, ticket.handed, ticket.answered
        wait, rows = now - record.began, tally.rows
        rows += (
            handed - since, answered - handed, wait - answered + since, wait,
            record.taken, record.sent,
        )  # fmt: skip
        tally.ended = now
        if self._room > 0 or status >= FIRST_ERROR:
            self._keep(tally, wait, record)
        if len(rows) == FULL:
            self._count(tally)

    def ended(self, record: Record, now: float) -> None:
        """See access.Keeper."""
        ticket, request, error = record.ticket, record.request, record.error or ""
        started, received = record.started or now, record.received or record.began
        profile, route = None, ""
        since = handed = answered = received
        if ticket is not None:  # or else it was refused, or answered, before it was queued
            since, taken = ticket.since, ticket.assignment
            if ticket.left and not error:
                error = GONE
            if taken is None:
                route = ticket.route
                handed = answered = started
            else:
                profile, route = taken.profile, taken.route
                handed, answered = ticket.handed, ticket.answered
                if answered < handed:
                    answered = started
        method, kind = (request.method.decode("latin-1"), request.kind) if request else ("", HTTP)
        tally = self._find((profile, route, method, record.status, error, kind))
        tally.rows += (
            handed - since, answered - handed, since - received + started - answered,
            started - record.began, record.taken, record.sent,
        )  # fmt: skip
        tally.durations.append(now - record.began)
        tally.ended = now
        if self._room > 0 or error or record.status >= FIRST_ERROR:
            self._keep(tally, now - record.began, record)
        if len(tally.rows) == FULL:
            self._count(tally)

    def settle(self) -> None:
        """Count what has ended."""
        for tally in self._tallies.values():
            if tally.rows:
                self._count(tally)
        self._tally = NONE
        self._tallies.clear()

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

    def _keep(self, tally: Tally, duration: float, record: Record) -> None:
        self._room -= 1
        *times, taken, sent = tally.rows[-WIDTH:]
        row = *tally.labels, *times, duration, taken, sent
        self._details.append(row + details(record, tally.ended))

    def _find(self, labels: tuple[Any, ...]) -> Tally:
        profile, *others = labels
        # By identity, which is quick: the tally holds the profile.
        key = (id(profile), *others)
        tally = self._tallies.get(key)
        if tally is None:
            if len(self._tallies) == MOST_TALLIES:
                self.settle()
            tally = self._tallies[key] = Tally(*labels)
        return tally

    def _count(self, tally: Tally) -> None:
        profile, route = tally.profile, tally.route
        if profile is None:
            key: Key = "", "", "", "", route
        else:
            key = profile.worker, profile.transport, profile.service, profile.version, route
        (self.hands.get(key) or self._hand(key)).add(tally, self._second)
        tally.clear()

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
