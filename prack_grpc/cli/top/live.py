"""The live view: looks at the gateway again and again, and does what keys say."""

import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import takewhile
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from rich.console import Console
from rich.live import Live

from prack_grpc.cli.gateway import Trouble
from prack_grpc.cli.top.keys import pressed, unbuffered
from prack_grpc.cli.top.page import Page
from prack_grpc.cli.top.screen import Drawing
from prack_grpc.cli.top.tables import Wish
from prack_grpc.cli.top.view import FIRST, STEP, View

Look = Callable[[Wish], Page]
TICK = 1.0  # seconds; then is told anew for how long the gateway has been silent
QUIT = "q"
# A key, an answer, an exit status, or nothing but a reason to draw.
Event = str | Page | Trouble | int | None


def watch(look: Look, interval: float, order: str) -> int:
    """Show it until `q` or a signal; the exit status. Raises Trouble if the first look fails."""
    page = look(Wish((FIRST,), order, STEP))
    return _Watching(View(page, monotonic(), interval, order), look).go_on()


class _Watching:
    """The screen, and two threads: a gateway that is slow to answer must not hold up the keys."""

    def __init__(self, view: View, look: Look) -> None:
        self._view = view
        self._look = look
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._wishes: SimpleQueue[Wish] = SimpleQueue()

    def go_on(self) -> int:
        """Until somebody quits; the exit status."""
        # No signal breaks off what draws, or what restores the terminal.
        signal.signal(signal.SIGINT, lambda *_: self._events.put(0))
        signal.signal(signal.SIGTERM, lambda number, _: self._events.put(128 + number))
        signal.signal(signal.SIGWINCH, lambda *_: self._events.put(None))
        keyboard = sys.stdin.fileno()
        with (
            unbuffered(keyboard),
            Live(self._drawing(), console=Console(), screen=True, auto_refresh=False) as live,
        ):
            Thread(target=self._read, args=(keyboard,), daemon=True).start()
            Thread(target=self._ask, args=(self._view.wish(),), daemon=True).start()
            while not isinstance(event := self._next_event(), int):
                self._take(event)
                live.update(self._drawing(), refresh=True)
        return event

    def _drawing(self) -> Drawing:
        return Drawing(self._view, monotonic())

    def _next_event(self) -> Event:
        try:
            return self._events.get(timeout=TICK)
        except Empty:
            return None

    def _take(self, event: str | Page | Trouble | None) -> None:
        if isinstance(event, str):
            before = self._view.wish()
            self._view.press(event)
            if self._view.wish() != before:
                self._wishes.put(self._view.wish())
        elif event is not None:
            self._view.hear(event, monotonic())

    def _read(self, keyboard: int) -> None:
        for key in takewhile(lambda key: key != QUIT, pressed(keyboard)):
            self._events.put(key)
        self._events.put(0)

    def _ask(self, wish: Wish) -> None:
        while True:
            asked = monotonic()
            try:
                self._events.put(self._look(wish))
            except Trouble as trouble:
                self._events.put(trouble)
            with suppress(Empty):
                left = self._view.interval - (monotonic() - asked)
                wish = self._wishes.get(timeout=max(0.0, left))
