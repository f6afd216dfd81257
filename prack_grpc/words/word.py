"""Words of operators: what they are, and what carries them between gateways.

House rule: of each thing the last word counts, whatever the order in which words come.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from prack_grpc.core.errors import PrackError
from prack_grpc.core.queue.traffic import Pool, Split, Sticky, StickyBy

# ("traffic", SERVICE), ("worker", NAME), or ("version", SERVICE, VERSION).
About = tuple[str, ...]
# The greater is the later. How many words came before, as far as its gateway knew, and that
# gateway; or the number that a store has given to it, and nothing.
Revision = tuple[int, str]
TRAFFIC, WORKER, VERSION = "traffic", "worker", "version"


class BadWord(PrackError):
    """What another gateway or a file has said is no word; the message says why."""


class WordsUnavailable(PrackError):
    """Nothing can be said to all gateways now; the message says what to do."""


class Word(NamedTuple):
    """What was said of one thing, as a JSON value; None takes back what was said before.

    It is `True` of what is drained, and of traffic `{"weights": ..., "sticky": [by, name] | None}`.
    """

    about: About
    said: Any
    revision: Revision


class Words(Protocol):
    """Carries words to all gateways, those that join later, too."""

    async def say(self, about: About, said: Any) -> Revision:
        """An operator says this here; returns once it cannot get lost. Raises WordsUnavailable."""

    async def run(self, known: Callable[[], list[Word]], hear: Callable[[Word], None]) -> None:
        """Tell others what is `known` here, and `hear` what they know, until cancelled.

        A word may be heard again, and after a later one.
        """


def parsed(value: Any) -> Word:
    """The word that this JSON value stands for. Raises BadWord."""
    try:
        about, said, (count, gateway) = value
        return Word(tuple(map(str, about)), said, (int(count), str(gateway)))
    except (TypeError, ValueError):
        raise BadWord(f"expected [about, said, [count, gateway]], not {value!r:.200}") from None


def about(who: Pool | str) -> About:
    """What a pause is about: a worker, or a version of a service."""
    return (WORKER, who) if isinstance(who, str) else (VERSION, *who)


def value(split: Split | None) -> Any:
    """What is said of a split."""
    if split is None:
        return None
    sticky = [split.sticky.by, split.sticky.name] if split.sticky else None
    return {"weights": dict(split.weights), "sticky": sticky}


def split(service: str, said: Any) -> Split | None:
    """The split that was said of a service. Raises BadWord."""
    if said is None:
        return None
    try:
        weights = tuple((str(name), int(weight)) for name, weight in said["weights"].items())
        sticky = said["sticky"] and Sticky(StickyBy(said["sticky"][0]), str(said["sticky"][1]))
        return Split(service, weights, sticky)
    except (LookupError, TypeError, ValueError, AttributeError, PrackError) as error:
        raise BadWord(f"{said!r:.200} divides no traffic ({error!r})") from None
