"""How long to wait before another attempt."""

from __future__ import annotations

import random


class Backoff:
    """Full jitter below a bound that doubles from 0.1 s to 10 s (proto/README.md, section 2.4)."""

    def __init__(self) -> None:
        self._bound = 0.1

    def next(self) -> float:
        bound, self._bound = self._bound, min(self._bound * 2, 10.0)
        return random.uniform(0, bound)  # noqa: S311 - spreads dials, hides nothing

    def reset(self) -> None:
        self._bound = 0.1
