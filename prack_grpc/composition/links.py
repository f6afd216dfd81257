"""The links of a gateway to others, if it is to have any."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from prack_grpc.broker.ticket import Identifiers
from prack_grpc.composition.parts import Parts
from prack_grpc.composition.running import Running
from prack_grpc.stream.streams import Streams

if TYPE_CHECKING:
    from prack_grpc.peers.neighbours import Neighbours

log = logging.getLogger(__name__)


@asynccontextmanager
async def linked(
    parts: Parts, running: Running, streams: Streams
) -> AsyncIterator["Neighbours | None"]:
    """Linked to all whom its meetings find, inside. None without meetings."""
    if parts.neighbours is None:
        yield None
        return
    # Most gateways are alone (decision 0061).
    from prack_grpc.broker.linked import LinkedBroker
    from prack_grpc.peers.neighbours import Neighbours
    from prack_grpc.peers.peer import Here

    broker = running.broker
    assert isinstance(broker, LinkedBroker)  # noqa: S101 - where there are meetings, it is one
    here = Here(
        parts.cluster.own,
        broker,
        parts.settings.limits(),
        Identifiers(parts.cluster.own).next,
        {
            "rest": partial(running.rest.adopt, app=running.workers.relayed),
            "admin": running.admin.adopt,
        },
        lambda principal, *worker: streams.moved(parts.callers.workers.named(principal), *worker),
    )
    neighbours = Neighbours(here)
    streams.joined = neighbours.joined
    parts.neighbours.found(neighbours)
    async with parts.nats.running():
        words = asyncio.create_task(running.steering.run(), name="words")
        meeting = asyncio.create_task(_meet(neighbours, parts), name="meeting")
        try:
            yield neighbours
        finally:
            await neighbours.caught_up()
            for task in (words, meeting):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def _meet(neighbours: "Neighbours", parts: Parts) -> None:
    """Without its peers a gateway serves what it has workers for."""
    try:
        await neighbours.run(parts.meetings)
    except* Exception as group:
        reason = "; ".join(map(str, group.exceptions))
        log.error("no links to other gateways: %s", reason, extra={"action": "links_failed"})
