"""All other gateways that this one is linked to.

House rules: one link for each peer. Where several meetings find the same one, the link of the first
of these meetings stays: both ends have them in the same order.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from prack_grpc.bus.link import Link, LinkReceiver, Meeting
from prack_grpc.neighbours.neighbours import Row
from prack_grpc.peers.peer import Here, Peer
from prack_grpc.peers.tunnels import Streams

PING_SECONDS = 10.0
LAST_SECONDS = 1.0
ALREADY = "already linked"


class Nobody:
    """Implements `bus.link.LinkReceiver` for a link that is closed."""

    def received(self, message: bytes) -> None:
        """See LinkReceiver."""

    def ended(self, reason: str) -> None:
        """See LinkReceiver."""


class Neighbours:
    """The peers of this gateway, by their ids."""

    def __init__(self, here: Here) -> None:
        self._here = here
        self._peers: dict[str, tuple[int, Peer]] = {}
        self._changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, meetings: Sequence[Meeting]) -> None:
        """Meet peers until this is cancelled, which ends all links. Raises what a meeting does."""
        async with asyncio.TaskGroup() as group:
            for rank, meeting in enumerate(meetings):
                calls = partial(self._linked, rank), partial(self._wants, rank)
                group.create_task(meeting.run(*calls), name="meeting")
            while True:
                await asyncio.sleep(PING_SECONDS)
                for peer in self._up():
                    peer.ping()

    async def caught_up(self) -> None:
        """Before links end: a request that came for a slot which is gone is given back by then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await asyncio.gather(*(peer.caught_up() for peer in self._up()))

    def names(self) -> list[str]:
        """The gateways that are linked now."""
        return [peer.gateway for peer in self._up()]

    def joined(self, principal: str, worker: str, instance: bytes) -> None:
        """A worker has said hello here: its process may have an older stream at a peer."""
        for peer in self._up():
            peer.joined(principal, worker, instance)

    def rows(self) -> list[Row]:
        """How the links to them are."""
        peers = {peer.gateway: peer for peer in self._up()}
        return [
            Row(
                one.gateway,
                peers[one.gateway].state,
                peers[one.gateway].round_trip,
                lent=one.lent,
                borrowed=one.borrowed,
                wanted_by=one.wanted,
                wanted_of=one.wants,
            )
            for one in self._here.broker.links()
        ]

    async def changed(self) -> None:
        """Wait until `names` has changed."""
        await asyncio.shield(self._changed)

    async def dial(self, gateway: str, port: str) -> Streams:
        """A connection to a private port of a peer, "rest" or "admin", through its link.

        Once either end is closed, the other one is, too. Raises ConnectionError.
        """
        _, peer = self._peers.get(gateway, (0, None))
        if peer is None or not peer.is_up:
            raise ConnectionRefusedError(f"there is no link to the gateway {gateway}")
        return await peer.tunnels.dial(port)

    def _up(self) -> list[Peer]:
        return [peer for _, peer in self._peers.values() if peer.is_up]

    def _wants(self, rank: int, peer: str) -> bool:
        """The meeting of this rank has no better one before it that has found this peer."""
        other_rank, other = self._peers.get(peer, (rank, None))
        return other is None or other.is_over or other_rank >= rank

    def _linked(self, rank: int, link: Link) -> LinkReceiver:
        other_rank, other = self._peers.get(link.peer, (0, None))
        if other is not None and not other.is_over:
            if other_rank <= rank:
                link.close(ALREADY)
                return Nobody()
            other.close(ALREADY)
        peer = Peer(link, self._here, self._tell)
        self._peers[link.peer] = rank, peer
        return peer

    def _tell(self) -> None:
        """There is another peer, or one less."""
        self._peers = {name: one for name, one in self._peers.items() if not one[1].is_over}
        self._changed.set_result(None)
        self._changed = asyncio.get_running_loop().create_future()
