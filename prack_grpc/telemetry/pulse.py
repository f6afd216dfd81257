"""What makes the books look once a second, and measures how late the event loop is."""

import asyncio
import time

from prack_grpc.telemetry.books.watch import Watch

BEAT = 0.1  # seconds
BEATS = 10  # from one look to the next


class Pulse:
    """Runs from `start` to `stop` on the loop that everything runs on. There may be no books."""

    def __init__(self, watch: Watch | None) -> None:
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._beats = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()

    def start(self) -> None:
        """Begin."""
        self._due = time.monotonic() + BEAT
        self._timer = self._loop.call_later(BEAT, self._beat)

    def stop(self) -> None:
        """End, and with it all that waits for a look."""
        if self._timer is not None:
            self._timer.cancel()
        for waiter in self._waiting:
            waiter.cancel()

    async def next_look(self) -> None:
        """Wait for the next look; cancelled when there will be none."""
        waiter = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _beat(self) -> None:
        now = time.monotonic()
        self._beats += 1
        if self._watch is not None:
            self._watch.late(max(0.0, now - self._due))
        if self._beats % BEATS == 0:
            if self._watch is not None:
                self._watch.look(now)
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
        # In step with the clock, unless so much was missed that it is no use to catch up.
        self._due = max(self._due + BEAT, now)
        self._timer = self._loop.call_later(self._due - now, self._beat)
