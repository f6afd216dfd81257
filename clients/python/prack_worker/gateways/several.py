"""A way to whichever of several gateways is there."""

from __future__ import annotations

import random
from collections.abc import Sequence

from prack_worker.errors import ConnectFailed
from prack_worker.transport import Accept, Session, Transport


class Several:
    """Implements `Transport`: keeps to one gateway until that one stops or is lost.

    Then the next one is dialled at once, and the one of before only after all others. Workers
    begin at random, so that they spread.

    Args:
        transports: at least one, each to a gateway of its own.
    """

    # What a session of one gateway holds is not known to that of another.
    counts_held = False

    def __init__(self, transports: Sequence[Transport]) -> None:
        self._waiting = random.sample(transports, len(transports))
        self.address = ", ".join(transport.address for transport in transports)
        self._all = self.address
        self._leaving = False

    async def connect(
        self,
        accept: Accept,
        slots: int,
        *,
        websockets: bool = False,
        tunnels: bool = False,
        websocket_slots: int = 0,
    ) -> Session:
        """See Transport."""
        failures: list[ConnectFailed] = []
        for transport in list(self._waiting):
            self._waiting.remove(transport)
            self._waiting.append(transport)
            try:
                session = await transport.connect(
                    accept,
                    slots,
                    websockets=websockets,
                    tunnels=tunnels,
                    websocket_slots=websocket_slots,
                )
            except ConnectFailed as error:
                failures.append(error)
                if self._leaving:
                    break
            else:
                self.address = transport.address
                return session
        self.address = self._all
        reasons = dict.fromkeys(map(str, failures))
        raise ConnectFailed("; ".join(reasons), min(error.retry_after for error in failures))

    def leave(self) -> None:
        """See Transport: a stop would wait for those that are silent, one after the other."""
        self._leaving = True

    async def close(self) -> None:
        """See Transport."""
        for transport in self._waiting:
            await transport.close()
