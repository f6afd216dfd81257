"""A gateway that tells how long the turns of its event loop are: `python -m attack.gateway serve`.

How late a client is answered depends on whatever else the machine does. How much CPU time a turn
takes does not, and everybody else waits for its end.
"""

import json
import signal
import sys
import time
from collections import Counter

import uvloop

from prack_grpc.cli.main import main

# A timer that is due is the first in a turn. So turns that are shorter are counted as one.
TICK_SECONDS = 0.001


class MeasuredLoop(uvloop.Loop):
    """At SIGUSR2 writes `turns: `, how many took so many tenths of a millisecond, and forgets."""

    def run_forever(self) -> None:
        """See asyncio.AbstractEventLoop."""
        self._turns: Counter[int] = Counter()
        self.add_signal_handler(signal.SIGUSR2, self._tell)
        self._tick(time.thread_time())
        super().run_forever()

    def _tick(self, before: float) -> None:
        now = time.thread_time()
        self._turns[round(10_000 * (now - before))] += 1
        self.call_later(TICK_SECONDS, self._tick, now)

    def _tell(self) -> None:
        print("turns:", json.dumps(self._turns), flush=True)
        self._turns.clear()


if __name__ == "__main__":
    uvloop.new_event_loop = MeasuredLoop
    sys.exit(main())
