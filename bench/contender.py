"""What a contender is, and what it is asked to serve."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Part

ASGI, WSGI = ("asgi",), ("wsgi",)


@dataclass(frozen=True)
class Setup:
    """What a measurement wants to be served: `app` is one of APPS, in so many processes.

    `slots` is for Prack's workers, 0 for what they take by themselves.
    """

    app: str = "hello"
    copies: int = 1
    slots: int = 0


Build = Callable[[Setup, int, Path], list[Part]]


@dataclass(frozen=True)
class Contender:
    """`build` takes the setup, the public port and a folder that does not exist yet."""

    name: str
    about: str
    build: Build
    needs: str = ""
    serves: tuple[str, ...] = ("asgi", "wsgi")
