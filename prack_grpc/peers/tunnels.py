"""Connections to the private ports of a peer, through the link.

Each is a pair of sockets at both ends: whoever dials has one of the first, the peer's own listener
has one of the second. What comes between is bytes within a window, so that one that is not read
holds up nothing else.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from functools import partial

from prack.link.v1 import link_pb2 as link
from prack_grpc.bus.link import Link
from prack_grpc.core.errors import WindowExceeded
from prack_grpc.core.limits import KIB, PIECE

WINDOW = 256 * KIB
MAX_TUNNELS = 1000  # of one peer
TOO_MANY = f"{MAX_TUNNELS} connections between these gateways are open"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Adopt = Mapping[str, Callable[[socket.socket], None]]


class Tunnel:
    """One end: carries what comes from its socket to the link, and back."""

    def __init__(self, carrier: Link, id_: int, opened_here: bool) -> None:
        self._link = carrier
        self._id = id_
        self._opened_here = opened_here
        self.begun = False
        self._allowed = WINDOW
        self._wider = asyncio.Event()
        self._granted = WINDOW
        self._received = 0
        self._closed = False
        self._came: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, event: link.Tunnel) -> None:
        """Tell the other end."""
        event.id, event.opened_here = self._id, self._opened_here
        self._link.send(link.LinkMessage(tunnel=event).SerializeToString())

    def take(self, message: link.Tunnel) -> None:
        """What the other end says; its close comes behind its last bytes.

        Raises WindowExceeded.
        """
        event = message.WhichOneof("event")
        if self._closed:
            return
        if event == "data" and message.data:
            self._received += len(message.data)
            if self._received > self._granted:
                raise WindowExceeded(
                    f"{self._received} bytes of a tunnel, the window allows {self._granted}"
                )
            self._came.put_nowait(message.data)
        elif event == "window":
            self._allowed = message.window
            self._wider.set()
        elif event == "close":
            self._closed = True
            self._came.put_nowait(b"")

    async def carry(self, sock: socket.socket) -> None:
        """Until either end has closed it."""
        self.begun = True
        reader, writer = await asyncio.open_connection(sock=sock)
        sending = asyncio.create_task(self._send(reader), name="tunnel-send")
        receiving = asyncio.create_task(self._receive(writer), name="tunnel-receive")
        try:
            await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            writer.transport.abort()  # the link has ended: the rest would never come
            raise
        finally:
            writer.close()  # before anything is waited for: a loop that ends cancels that as well
            self.say(link.Tunnel(close="its end was closed"))
            for task in (sending, receiving):
                task.cancel()
            await asyncio.gather(sending, receiving, return_exceptions=True)

    async def _send(self, reader: asyncio.StreamReader) -> None:
        sent = 0
        while True:
            while sent >= self._allowed:
                self._wider.clear()
                await self._wider.wait()
            data = await reader.read(min(PIECE, self._allowed - sent))
            if not data:
                return
            await self._link.room()
            self.say(link.Tunnel(data=data))
            sent += len(data)

    async def _receive(self, writer: asyncio.StreamWriter) -> None:
        taken = 0
        while data := await self._came.get():
            writer.write(data)
            await writer.drain()
            taken += len(data)
            if self._granted - taken <= WINDOW // 2:
                self._granted = taken + WINDOW
                self.say(link.Tunnel(window=self._granted))


class Tunnels:
    """Those of one link, in both directions; `adopt` has whoever serves a port, by its name."""

    def __init__(self, carrier: Link, adopt: Adopt) -> None:
        self._link = carrier
        self._adopt = adopt
        self._last = 0
        self._open: dict[tuple[int, bool], Tunnel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = False

    async def dial(self, port: str) -> Streams:
        """A connection to this port of the peer. Raises ConnectionError."""
        if self._over:
            raise ConnectionResetError("the link has ended")
        if len(self._open) >= MAX_TUNNELS:
            raise ConnectionRefusedError(TOO_MANY)
        self._last += 1
        ours, theirs = socket.socketpair()
        self._begin(self._last, True, theirs).say(link.Tunnel(open=port))
        return await asyncio.open_connection(sock=ours)

    def take(self, message: link.Tunnel) -> None:
        """What the peer says of one; of one that has ended it does not know that yet.

        Raises WindowExceeded, ValueError.
        """
        here = not message.opened_here
        if message.HasField("open"):
            self._opened(message)
        elif tunnel := self._open.get((message.id, here)):
            tunnel.take(message)

    def end(self) -> None:
        """The link is over."""
        self._over = True
        for task in self._tasks:
            task.cancel()

    def _opened(self, message: link.Tunnel) -> None:
        adopt = self._adopt.get(message.open)
        refusal = "" if adopt else f"there is no port {message.open!r}"
        if len(self._open) >= MAX_TUNNELS:
            refusal = TOO_MANY
        if (message.id, False) in self._open:
            raise ValueError(f"the peer has opened tunnel {message.id} twice")
        if adopt is None or refusal:
            Tunnel(self._link, message.id, False).say(link.Tunnel(close=refusal))
            return
        ours, theirs = socket.socketpair()
        self._begin(message.id, False, ours)
        theirs.setblocking(False)
        adopt(theirs)

    def _begin(self, id_: int, opened_here: bool, sock: socket.socket) -> Tunnel:
        key = id_, opened_here
        tunnel = self._open[key] = Tunnel(self._link, id_, opened_here)
        task = asyncio.get_running_loop().create_task(tunnel.carry(sock), name="tunnel")
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, key, sock))
        return tunnel

    def _ended(
        self, key: tuple[int, bool], sock: socket.socket, task: "asyncio.Task[None]"
    ) -> None:
        self._tasks.discard(task)
        if not self._open.pop(key).begun:
            sock.close()
