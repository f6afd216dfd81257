"""How many jobs there are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counts:
    """`oldest` is when the first of those that wait has come, in Unix time; 0 if none does."""

    waiting: int = 0
    dead: int = 0
    oldest: float = 0.0

    @property
    def warnings(self) -> list[str]:
        """What somebody should do about it."""
        if not self.dead:
            return []
        return [f"{self.dead} kept requests are dead letters: see `prack dead`"]
