"""The meeting of the gateways of one machine: each listens on a socket in a folder of theirs."""

import asyncio
import os
import stat
from functools import partial
from pathlib import Path

from prack_grpc.bus.link import DEAD_SECONDS, ID, Linked, LinkReceiver, Wants
from prack_grpc.bus.sockets import LAST_SECONDS, SocketLink

LOOK_SECONDS = 1.0
SUFFIX = ".sock"
BACKLOG = 256
STOPPED = "this gateway stops"


class BadFolder(Exception):
    """Gateways cannot meet there; the message says what to do."""


class Folder:
    """Implements `bus.link.Meeting`.

    Whoever comes dials all that are here. If a link is lost, the side with the greater id dials
    again; so it does if both have dialled at the same time.
    """

    def __init__(self, path: Path, me: str) -> None:
        self._path = path
        self._me = me
        self._links: dict[str, SocketLink] = {}
        self._dialling: set[str] = set()
        self._linked: Linked
        self._wants: Wants

    async def run(self, linked: Linked, wants: Wants) -> None:
        """See Meeting. Raises BadFolder."""
        self._linked, self._wants = linked, wants
        loop = asyncio.get_running_loop()
        mine = self._path / f"{self._me}{SUFFIX}"
        self._prepare()
        # A socket that does not listen yet refuses, as those of the dead do: it has no name yet.
        part = self._path / f".{self._me}"
        try:
            answer = partial(SocketLink, self._me, False, self._wanted, self._link)
            server = await loop.create_unix_server(answer, part, backlog=BACKLOG)
        except OSError as error:
            raise BadFolder(f"cannot listen in {self._path}: {error}") from None
        try:
            part.rename(mine)
            await self._look(first=True)
            while True:
                await asyncio.sleep(LOOK_SECONDS)
                await self._look(first=False)
        finally:
            server.close()
            _remove(mine)
            links = list(self._links.values())
            for link in links:
                link.close(STOPPED)
            if links:
                await asyncio.wait([link.closed for link in links], timeout=LAST_SECONDS)

    def _prepare(self) -> None:
        """The folder is there, and nobody else can reach into it."""
        try:
            self._path.mkdir(mode=0o700, exist_ok=True)
            about = self._path.stat(follow_symlinks=False)
        except OSError as error:
            raise BadFolder(f"gateways cannot meet in {self._path}: {error}") from None
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            raise BadFolder(f"{self._path} is not a folder of this user: name another one")
        if about.st_mode & 0o077:
            raise BadFolder(f"others can reach into {self._path}: run `chmod 700` on it")

    async def _look(self, first: bool) -> None:
        """Dial who is here, is not linked, and is ours to dial."""
        self._links = {peer: link for peer, link in self._links.items() if not link.over}
        async with asyncio.TaskGroup() as dials:
            for path in self._path.glob(f"*{SUFFIX}"):
                peer = path.stem
                if ID.fullmatch(peer) and peer not in {self._me, *self._links}:
                    if (first or self._me > peer) and self._wants(peer):
                        dials.create_task(self._dial(peer, path), name="dial")

    async def _dial(self, peer: str, path: Path) -> None:
        self._dialling.add(peer)
        dial = partial(SocketLink, self._me, True, self._wanted, self._link)
        try:
            loop = asyncio.get_running_loop()
            _, link = await loop.create_unix_connection(dial, str(path))
            await asyncio.wait((link.settled,), timeout=DEAD_SECONDS)
            if not link.settled.done():
                link.close("it does not answer")
        except ConnectionRefusedError:
            _remove(path)  # nobody listens there any more
        except OSError:
            return  # gone meanwhile, or too busy: we look again
        finally:
            self._dialling.discard(peer)

    def _wanted(self, link: SocketLink) -> bool:
        """One link for each peer: of two that are dialled at once, that of the greater id."""
        older = self._links.get(link.peer)
        if link.peer == self._me or (older is not None and not older.over):
            return False
        if not self._wants(link.peer):
            return False
        return link.dialled or link.peer not in self._dialling or link.peer > self._me

    def _link(self, link: SocketLink) -> LinkReceiver:
        self._links[link.peer] = link
        return self._linked(link)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
