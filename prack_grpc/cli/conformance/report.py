"""What a run says: TAP for programs, lines for people, or JSON."""

import json
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from prack_grpc.cli.terminal import say
from prack_grpc.conformance.case import Case, Catalogue, place
from prack_grpc.conformance.run import ADVISED, FAILED, PASSED, SKIPPED, Result

MARKS = {PASSED: "ok  ", FAILED: "FAIL", ADVISED: "hint", SKIPPED: "skip"}


class Report(Protocol):
    """Where the results go."""

    def tell(self, result: Result) -> None:
        """The next one."""

    def end(self) -> None:
        """There are no more."""


class Lines:
    """For people."""

    def __init__(self, document: str) -> None:
        self._document = document
        self._counts: Counter[str] = Counter()
        self._lacking: Counter[str] = Counter()
        self._began = time.monotonic()

    def tell(self, result: Result) -> None:
        """See Report."""
        case = result.case
        self._counts[result.outcome] += 1
        say(f"{MARKS[result.outcome]}  {case.name:<38} {', '.join(case.rules)}".rstrip())
        if result.outcome is SKIPPED:
            self._lacking[result.seen] += 1
        elif result.outcome is not PASSED:
            say(f"      {case.about}")
            say(f"      {self._document} {result.rule}: {result.seen}")
            for line in result.said.splitlines():
                say(f"      | {line}")

    def end(self) -> None:
        """See Report."""
        counts = ", ".join(f"{self._counts[name]} {name}" for name in MARKS)
        say(f"{counts} in {time.monotonic() - self._began:.1f} s")
        for reason, count in self._lacking.items():
            say(f"NOT TRIED, {count} cases: {reason}")


class Tap:
    """The Test Anything Protocol, version 14."""

    def __init__(self, document: str, count: int) -> None:
        self._document = document
        self._number = 0
        say("TAP version 14")
        say(f"1..{count}")

    def tell(self, result: Result) -> None:
        """See Report."""
        self._number += 1
        good = "ok" if result.outcome in (PASSED, SKIPPED) else "not ok"
        notes = {SKIPPED: f" # SKIP {result.seen}", ADVISED: " # TODO the text advises it"}
        say(f"{good} {self._number} - {result.case.name}{notes.get(result.outcome, '')}")
        if good == "not ok":
            say("  ---")
            for name, text in self._told(result).items():
                say(f"  {name}: {json.dumps(text)}")
            say("  ...")

    def _told(self, result: Result) -> dict[str, str]:
        rule = f"{self._document} {result.rule}"
        return {
            "rule": rule,
            "about": result.case.about,
            "seen": result.seen,
            "worker": result.said,
        }

    def end(self) -> None:
        """See Report."""


class Json:
    """One document at the end."""

    def __init__(self, transport: str, document: str) -> None:
        self._about = {"transport": transport, "document": document}
        self._results: list[Result] = []

    def tell(self, result: Result) -> None:
        """See Report."""
        self._results.append(result)

    def end(self) -> None:
        """See Report."""
        counts = Counter(result.outcome for result in self._results)
        cases = [_row(result) for result in self._results]
        document = {**self._about, **{name: counts[name] for name in MARKS}, "cases": cases}
        for line in json.dumps(document, indent=2).splitlines():
            say(line)


def _row(result: Result) -> dict[str, object]:
    case = result.case
    return {
        "name": case.name,
        "rules": case.rules,
        "about": case.about,
        "capability": case.needs,
        "outcome": result.outcome,
        "rule": result.rule,
        "seen": result.seen,
        "worker": result.said,
        "seconds": round(result.seconds, 3),
    }


def show_cases(catalogue: Catalogue, cases: Sequence[Case]) -> None:
    """Print the cases of each rule."""
    rules = list(dict.fromkeys(rule for case in cases for rule in case.rules))
    for rule in sorted(rules, key=place):
        say(f"{catalogue.document} {rule}")
        for case in cases:
            if rule in case.rules:
                needs = f" (needs {case.needs})" if case.needs else ""
                advice = " (advice)" if case.advice else ""
                say(f"  {case.name:<38} {case.about}{needs}{advice}")
