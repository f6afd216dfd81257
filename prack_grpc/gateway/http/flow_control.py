"""Reading and writing of a client's connection, paused and resumed: uvicorn's, but smaller."""

import asyncio

from uvicorn.protocols.http import flow_control


class FlowControl(flow_control.FlowControl):
    """Has an event only once somebody waits: an idle one takes a kilobyte of every connection."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.read_paused = False
        self.write_paused = False
        self._writable: asyncio.Event | None = None

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
