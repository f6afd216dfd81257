"""The gRPC port, if there is one; without it the library is not loaded (decision 0048)."""

import asyncio
from typing import TYPE_CHECKING

from prack_grpc.stream.streams import Streams

if TYPE_CHECKING:
    from prack_grpc.stream.grpc.server import StreamServer


class GrpcPort:
    """What serves it, or None, and the streams of all workers, which end with it."""

    def __init__(self, streams: Streams, server: "StreamServer | None") -> None:
        self._streams = streams
        self._server = server

    @property
    def connected(self) -> int:
        """How many workers have a stream, over gRPC or another carrier."""
        return self._streams.connected

    def bind(self, host: str, port: int) -> int:
        """Listen, at first or after a release. Returns the port, 0 if there is none.

        Raises OSError if the address cannot be had.
        """
        return self._server.bind(host, port) if self._server else 0

    async def start(self) -> None:
        """Admit workers from now on."""
        if self._server:
            await self._server.start()

    async def report(self, ready: bool) -> None:
        """Tell those who ask for health."""
        if self._server:
            await self._server.report(ready)

    def release(self) -> None:
        """Listen no more. The streams go on until `stop`; the port is free a moment later."""
        if self._server:
            self._server.release()

    async def send_away(self) -> None:
        """Report that this gateway stops, and have every worker dial another one as well."""
        await self.report(False)
        self._streams.send_away("the gateway is stopping")

    async def stop(self, grace: float) -> None:
        """Give the workers nothing more; end all streams, at the latest after `grace` seconds."""
        self._streams.dismiss("the gateway has stopped")
        ends = [self._streams.stop(grace)]
        if self._server:
            ends.append(self._server.stop(grace))
        await asyncio.gather(*ends)
