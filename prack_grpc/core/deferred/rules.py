"""What becomes of a job after an attempt: done, once more, or dead."""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from prack_grpc.core.deferred.states import Event

# Statuses that say "later", beside all of 5xx (RFC 9110 section 15.5.9, RFC 8470, RFC 6585).
LATER = frozenset((408, 425, 429))
# Seconds until what no worker has started is tried once more.
SOON = 1.0
SECONDS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Policy:
    """How long a job is tried. Times are seconds.

    The pause after a failed attempt doubles from `first` to `longest`: 20 attempts take 9 hours.
    """

    attempts: int = 20
    age: float = 259_200.0
    first: float = 1.0
    longest: float = 3600.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one attempt ended.

    `started` is false if no worker can have run it. `retry_after` is what the worker asked for, in
    seconds; 0 if it did not. `reason` is one line for people.
    """

    started: bool
    done: bool
    reason: str
    retry_after: float = 0.0


def is_answer(status: int) -> bool:
    """Whether a worker that says this has done with the request."""
    return status < 500 and status not in LATER


def is_accepted(status: int) -> bool:
    """Whether who was called back with the result has taken it."""
    return 200 <= status < 300


def verdict(
    outcome: Outcome, attempts: int, age: float, policy: Policy, spread: float
) -> tuple[Event, float]:
    """What happens to a job of this age after so many attempts, and the pause before the next.

    What was never started costs no attempt, but some day nobody serves it any more. `spread`, from
    0 to 1, shortens pauses by up to a half, so that what failed together comes back apart.
    """
    if outcome.done:
        return Event.ANSWER, 0.0
    if age >= policy.age or (outcome.started and attempts >= policy.attempts):
        return Event.GIVE_UP, 0.0
    if not outcome.started:
        return Event.PUT_BACK, SOON
    # The exponent is bounded, as a float is.
    pause = min(policy.longest, policy.first * 2.0 ** min(attempts - 1, 64)) * (1 - spread / 2)
    return Event.RETRY, max(pause, min(outcome.retry_after, policy.longest))


def retry_after(value: str, now: float) -> float:
    """Seconds that a Retry-After asks for (RFC 9110 section 10.2.3), 0 if it cannot be read.

    `now` is in Unix time.
    """
    if SECONDS.fullmatch(value.strip()):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
