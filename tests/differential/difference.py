"""One row of the table of intended differences."""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.differential.facts import Deviation


@dataclass(frozen=True)
class Difference:
    """Where it shows (a pattern for `app-transport request`), in which field, and why.

    `gives` is a regular expression for what the field is with Prack, `instead` of what.
    """

    where: str
    field: str
    gives: str
    reason: str
    instead: str = ".*"

    def explains(self, where: str, deviation: Deviation) -> bool:
        """Is this what was intended?"""
        return (
            fnmatchcase(where, self.where)
            and fnmatchcase(deviation.field, self.field)
            and re.fullmatch(self.instead, deviation.direct) is not None
            and re.fullmatch(self.gives, deviation.prack) is not None
        )

    def __str__(self) -> str:
        code = (self.where, self.field, self.instead, self.gives)
        cells = (*(f"`{text}`" for text in code), self.reason)
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
