"""Ways to break a small worker, and the cases that each way breaks."""

import ssl
from collections.abc import Callable
from typing import Any

Way = Callable[[], None]


class Ways:
    """Those of one worker.

    Attributes:
        known: what breaks it, by name.
        pairs: of a case and what breaks it, "way" or "style.way".
    """

    def __init__(self) -> None:
        self.known: dict[str, Way] = {}
        self.pairs: list[tuple[str, str]] = []

    def breaks(self, *cases: str) -> Callable[[Way], Way]:
        """The decorated way breaks these cases, some of a worker in another style: "raw.case"."""

        def add(way: Way) -> Way:
            self.known[way.__name__] = way
            for case in cases:
                style, dot, name = case.rpartition(".")
                self.pairs.append((name, f"{style}{dot}{way.__name__}"))
            return way

        return add


def replace(target: Any, **members: Any) -> None:
    """Put others in the place of these members."""
    for name, member in members.items():
        setattr(target, name, member)


def after(target: Any, name: str, more: Callable[..., object]) -> None:
    """Call `more` with self and the same arguments after a method."""
    before = getattr(target, name)

    def both(self: Any, *args: Any, **named: Any) -> Any:
        result = before(self, *args, **named)
        more(self, *args, **named)
        return result

    setattr(target, name, both)


def nothing(*_: Any) -> None:
    """Do nothing."""


def blind() -> ssl.SSLContext:
    """Trusts everybody."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
