"""What was measured, as flat records, and how to ask about it.

A record says what was measured (contender, case, round ...) and what came out. Summaries are
medians over the rounds; a ratio is the median of the rounds' ratios, because the contenders of one
round had the same moment of the machine.
"""

from collections.abc import Iterable
from math import inf
from statistics import median
from typing import Any

Record = dict[str, Any]


class Samples:
    """A list of records. Fields of the questions choose records: `contender="nginx"`."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = list(records)

    def __bool__(self) -> bool:
        return bool(self.records)

    def add(self, **record: Any) -> None:
        """One more record."""
        self.records.append(record)

    def of(self, **fields: Any) -> "Samples":
        """Those that have these values."""
        chosen = fields.items()
        return Samples(one for one in self.records if all(one.get(k) == v for k, v in chosen))

    def values(self, field: str) -> list[Any]:
        """The different values of this field, in the order of their first record."""
        return list(dict.fromkeys(one[field] for one in self.records if field in one))

    def all(self, field: str, **fields: Any) -> list[float]:
        """This field of every record."""
        return [one[field] for one in self.of(**fields).records if one.get(field) is not None]

    def median(self, field: str, **fields: Any) -> float | None:
        """None if there is no record."""
        found = self.all(field, **fields)
        return median(found) if found else None

    def medians(self, field: str) -> dict[str, float]:
        """That of each contender that has one."""
        found = ((name, self.median(field, contender=name)) for name in self.values("contender"))
        return {name: value for name, value in found if value is not None}

    def ratio(self, field: str, mine: Record, other: Record) -> float | None:
        """The median of `ratios`; None if there is none."""
        found = self.ratios(field, mine, other)
        return median(found) if found else None

    def ratios(self, field: str, mine: Record, other: Record) -> list[float]:
        """Of the records of `mine` to those of `other`, round by round."""
        base = {one["round"]: one.get(field) for one in self.of(**other).records}
        return [
            one[field] / base[one["round"]]
            for one in self.of(**mine).records
            if one.get(field) is not None and base.get(one["round"])
        ]


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed (nearest rank).

    Without any values, when every request has failed, it is infinite.
    """
    ordered = sorted(values) or [inf]
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]
