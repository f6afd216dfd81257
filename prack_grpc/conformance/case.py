"""A case: one thing that a worker does, the rules that say so, and how it is tried."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Run = Callable[[Any], Awaitable[None]]


class Broken(Exception):
    """The worker broke a rule: its section, and what was seen."""

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(f"{rule}: {seen}")
        self.rule = rule
        self.seen = seen


class Skipped(Exception):
    """The case does not apply to this worker; the message says why."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the gateway of a case is like.

    Attributes:
        heartbeat_ms, dead_after_ms: as in its welcome.
        beats: it sends heartbeats itself.
        late: it keeps a dialling worker waiting, and watches whether that waits.
        tls: it speaks TLS.
        strangers: to so many greetings it shows the certificate of a stranger.
    """

    heartbeat_ms: int = 5000
    dead_after_ms: int = 15_000
    beats: bool = True
    late: bool = False
    tls: bool = False
    strangers: int = 0


USUAL = Terms()


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        rules: sections of the document that the catalogue names.
        about: what a worker does, as one sentence.
        alone: it needs a worker process of its own.
        needs: the capability without which it is skipped, "" for none.
        only: the one transport that it is for, "" for all.
        advice: the text recommends this; a worker that does otherwise does not fail.
    """

    name: str
    rules: tuple[str, ...]
    about: str
    run: Run
    alone: bool
    needs: str
    only: str
    advice: bool
    terms: Terms


@dataclass(slots=True)
class Catalogue:
    """The cases of one document."""

    document: str
    cases: list[Case] = field(default_factory=list)

    def case(
        self,
        *rules: str,
        alone: bool = False,
        needs: str = "",
        only: str = "",
        advice: bool = False,
        terms: Terms = USUAL,
    ) -> Callable[[Run], Run]:
        """Add the decorated function, whose name and docstring name and explain the case."""

        def add(run: Run) -> Run:
            name = getattr(run, "__name__", "").replace("_", "-")
            about = (run.__doc__ or "").strip().partition("\n")[0]
            own = alone or terms != USUAL
            self.cases.append(Case(name, rules, about, run, own, needs, only, advice, terms))
            return run

        return add

    def of(self, transport: str) -> list[Case]:
        """Those that are for this transport, in the order of their first rules."""
        cases = [case for case in self.cases if case.only in ("", transport)]
        return sorted(cases, key=lambda case: place(case.rules[0]))

    def capabilities(self) -> list[str]:
        """What a worker may do without."""
        return sorted({case.needs for case in self.cases if case.needs})


def place(rule: str) -> list[tuple[int, str]]:
    """What to sort sections by: numbers as numbers, headings as they stand."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in rule.split(".")]
