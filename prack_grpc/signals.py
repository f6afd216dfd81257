"""What signals ask of the gateway."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from prack_wire import forks


class Stop:
    """The first signal asks, the second insists."""

    def __init__(self) -> None:
        self._why: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked = False

    def __call__(self, why: str) -> None:
        """Ask, for this reason."""
        if not self._why.done():
            self._why.set_result(why)

    def signal(self, number: signal.Signals) -> None:
        """Take a signal."""
        if self._asked:
            logging.shutdown()
            os._exit(128 + number)
        self._asked = True
        self(number.name)

    async def wait(self) -> str:
        """Until it is asked; returns the reason."""
        return await self._why


def stop_signal(reload: Callable[[], None]) -> Stop:
    """What the signals of this process ask for from now on. SIGHUP asks to `reload`."""
    stop, loop = Stop(), asyncio.get_running_loop()
    forks.disown((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.signal, number)
    # A terminal that closes must not kill the gateway.
    loop.add_signal_handler(signal.SIGHUP, reload)
    return stop
