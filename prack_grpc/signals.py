"""What signals ask of the gateway."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence

from prack_wire import forks

log = logging.getLogger(__name__)


class Stop:
    """The first signal asks, the second insists."""

    def __init__(self, insist: Callable[[signal.Signals], None]) -> None:
        self._insist = insist
        self._why: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._asked = False

    def __call__(self, why: str) -> None:
        """Ask, for this reason."""
        if not self._why.done():
            self._why.set_result(why)

    def signal(self, number: signal.Signals) -> None:
        """Take a signal."""
        if self._asked:
            self._insist(number)
            logging.shutdown()
            os._exit(128 + number)
        self._asked = True
        self(number.name)

    async def wait(self) -> str:
        """Until it is asked; returns the reason."""
        return await self._why


def stop_signal(
    reloads: Sequence[Callable[[], None]] = (),
    insist: Callable[[signal.Signals], None] = lambda _: None,
) -> Stop:
    """What the signals of this process ask for from now on; SIGHUP asks for `reloads`.

    The second one ends the process at once, after `insist` was told.
    """
    stop, loop = Stop(insist), asyncio.get_running_loop()
    forks.disown((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.signal, number)
    # A terminal that closes, or a habit from servers that reload: neither must kill the gateway.
    loop.add_signal_handler(signal.SIGHUP, _reload, reloads)
    return stop


def _reload(reloads: Sequence[Callable[[], None]]) -> None:
    if not reloads:
        log.info(
            "SIGHUP ignored: there is nothing to reload; use `prack upgrade` for new code, a "
            "restart for new settings"
        )
    for reload in reloads:
        reload()
