"""When certificates are ordered: decisions about times, which are arguments, in Unix seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
# Between two questions whether to renew sooner, if the authority wishes nothing (RFC 9773 4.3.3).
QUESTION = 6 * HOUR
# Orders within an hour, whatever they end in. Let's Encrypt takes five failures of a name.
HOURLY = 4
# After a first failure, and after many; between the two each wait is FACTOR times the one before.
FIRST, FACTOR, LONGEST = MINUTE, 4.0, 6 * HOUR


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is read of a certificate: its names, and from when until when it holds.

    A `temporary` one is signed by itself: it is shown until an authority has signed one.
    """

    names: frozenset[str]
    begin: float
    end: float
    temporary: bool


@dataclass(frozen=True, slots=True)
class Orders:
    """What was ordered: the times of the last ones, and how many have failed since one did not.

    Until `not_before` the authority wants to hear nothing.
    """

    times: tuple[float, ...] = ()
    failures: int = 0
    not_before: float = 0.0

    def begun(self, now: float) -> "Orders":
        """One more."""
        return replace(self, times=(*self.times, now)[-HOURLY:])

    def failed(self, not_before: float) -> "Orders":
        """The last one has failed."""
        return replace(self, failures=self.failures + 1, not_before=not_before)

    def done(self) -> "Orders":
        """The last one has brought a certificate."""
        return Orders(self.times)


def due(shown: Certificate, names: Sequence[str], suggested: float | None) -> float:
    """When the next certificate is to be ordered for these names.

    When a third of the lifetime is left, or sooner if the authority suggests it (RFC 9773).
    """
    if shown.temporary or shown.names != set(names):
        return 0.0
    third = shown.end - (shown.end - shown.begin) / 3
    return third if suggested is None else min(third, suggested)


def earliest(orders: Orders, now: float) -> float:
    """Before that nobody orders, not even who has restarted the gateway: `now` if it is free."""
    recent = [at for at in orders.times if now - HOUR < at <= now]
    hourly = recent[-HOURLY] + HOUR if len(recent) >= HOURLY else now
    return max(now, hourly, min(orders.not_before, now + DAY))


def next_try(orders: Orders, now: float, chance: float) -> float:
    """When to order again after a failure `now`; `chance`, from 0 to 1, spreads many gateways."""
    wait = min(FIRST * FACTOR ** min(orders.failures - 1, 9), LONGEST)
    return max(now + wait * (1 + chance / 4), earliest(orders, now))


def next_question(now: float, wished: float) -> float:
    """When to ask for a suggestion again; the authority's wish within bounds (RFC 9773 4.3.2)."""
    return min(max(wished, now + MINUTE), now + DAY)
