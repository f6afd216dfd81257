"""What of the figures is on the screen, and what keys change."""

from dataclasses import dataclass

from prack_grpc.cli.gateway import Trouble
from prack_grpc.cli.top.page import Page
from prack_grpc.cli.top.tables import MOST_ROWS, ORDERS, Wish

NAMES = {"r": "routes", "w": "workers", "v": "versions", "x": "exchanges"}
FIRST = NAMES["r"]
MOVES = {"j": 1, "k": -1, " ": 10, "b": -10}
STEP = 100  # rows are fetched in hundreds, so that scrolling seldom has to wait
LATE = 2.0  # seconds after which an answer is missed


@dataclass
class View:
    """One screen. Instants are seconds of a monotonic clock.

    Args:
        page: the figures that are shown.
        heard: when the gateway answered last.
        interval: seconds between two looks.
        order: of workers.
        first: the row at the top of the table.
        trouble: why there was no answer to the last look.
    """

    page: Page
    heard: float
    interval: float
    order: str
    name: str = FIRST
    first: int = 0
    paused: bool = False
    helping: bool = False
    trouble: str = ""

    def wish(self) -> Wish:
        """What to ask for."""
        most = (self.first // STEP + 2) * STEP
        return Wish((self.name,), self.order, min(most, MOST_ROWS))

    def hear(self, answer: Page | Trouble, now: float) -> None:
        """Take what a look has brought."""
        if isinstance(answer, Trouble):
            self.trouble = str(answer)
            return
        self.trouble, self.heard = "", now
        if not self.paused:
            self.page = answer
            self._stay_inside()

    def silence(self, now: float) -> float:
        """For how many seconds, at least 1, the gateway has not answered; 0 if it does."""
        seconds = now - self.heard
        return max(1.0, seconds) if self.trouble or seconds > self.interval + LATE else 0.0

    def press(self, key: str) -> None:
        """Do what a key means."""
        if key in NAMES:
            self.name, self.first, self.paused = NAMES[key], 0, False
        elif key == "s":
            self.name, self.first, self.paused = "workers", 0, False
            self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        elif key in MOVES:
            self.first += MOVES[key]
            self._stay_inside()
        elif key == "p":
            self.paused = not self.paused
        self.helping = key == "?" and not self.helping

    def _stay_inside(self) -> None:
        rows = len(self.page.tables[0].lines)
        self.first = max(0, min(self.first, rows - 1))
