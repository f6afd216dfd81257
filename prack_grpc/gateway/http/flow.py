"""Reading and writing of a client's connection, paused and resumed."""

import asyncio
from collections.abc import Callable
from functools import partial

from prack_grpc.turns import Turns


class Flow:
    """Has an event only once somebody waits: an idle one takes a kilobyte of every connection."""

    __slots__ = (
        "_after",
        "_client",
        "_over",
        "_transport",
        "_writable",
        "read_paused",
        "waits",
        "write_paused",
    )

    def __init__(self, transport: asyncio.Transport, client: str) -> None:
        """Of this client, which takes turns with others."""
        self._transport = transport
        self._client = client
        self._writable: asyncio.Event | None = None
        self.read_paused = False
        self._over = False
        self._after: Callable[[], object] | None = None  # to be done when it does not wait
        self.waits = False  # for its turn; until then nothing is read, whoever wants to
        self.write_paused = False

    @property
    def is_closing(self) -> bool:
        """Nothing more can be written."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Leave what the client sends to the kernel."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take what the client sends."""
        if self.read_paused:
            self.read_paused = False
            if not self.waits:
                self._transport.resume_reading()

    def hold(self, turns: Turns, then: Callable[[], None]) -> None:
        """Read nothing more until it is the connection's turn again; then do this first."""
        if not self._transport.is_closing():
            self._transport.pause_reading()
            self.wait(turns, then)

    def wait(self, turns: Turns, then: Callable[[], None]) -> None:
        """Do this when it is the connection's turn, unless it waits for that already.

        One that waits reads nothing more.
        """
        if self.waits:
            self._transport.pause_reading()
        else:
            self.waits = True
            turns.wait(partial(self._let_go, then), self._client)

    def later(self, act: Callable[[], object]) -> None:
        """Do this once the connection does not wait."""
        if self.waits:
            self._after = act
        else:
            act()

    def end(self) -> None:
        """The connection is another protocol's, or no more."""
        self.waits, self._over, self._after = False, True, None

    def _let_go(self, then: Callable[[], None]) -> None:
        self.waits = False
        if self._over or self._transport.is_closing():
            return
        then()
        if not (self.read_paused or self.waits or self._over):
            self._transport.resume_reading()
        if self._after is not None and not self.waits:
            self._after()
            self._after = None

    async def drain(self) -> None:
        """Wait until the client has taken most of what is unsent."""
        if self.write_paused:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()

    def pause_writing(self) -> None:
        """The transport has more unsent than it should."""
        self.write_paused = True
        if self._writable is not None:
            self._writable.clear()

    def resume_writing(self) -> None:
        """The transport takes more; or nothing ever again."""
        self.write_paused = False
        if self._writable is not None:
            self._writable.set()
