"""The page's figures, pushed once a second (server-sent events)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

from prack_grpc.dashboard.overview import Looking, Overview, series
from prack_grpc.telemetry.books.marks import Mark
from prack_grpc.telemetry.books.watch import Watch
from prack_grpc.telemetry.pulse import Pulse


@dataclass(frozen=True)
class Update:
    """How it is now, the last second of the curves, and what has happened since the last update."""

    overview: Overview
    point: dict[str, float | None]
    marks: list[Mark]


async def updates(watch: Watch, looking: Looking, pulse: Pulse) -> AsyncIterator[Update]:
    """One at once, then one after each look, until the gateway stops."""
    known = watch.marks.count
    with suppress(asyncio.CancelledError):
        while True:
            new, known = watch.marks.since(known), watch.marks.count
            yield update(watch, looking, new)
            await pulse.next_look()


def update(watch: Watch, looking: Looking, new: list[Mark]) -> Update:
    """That of now, with these marks."""
    point: dict[str, float | None] = {}
    if watch.history.points:
        last = watch.history.points[-1]
        point = {"at": last.at, **series(last)}
    return Update(looking.overview(), point, new)


def later(watch: Watch, since: float) -> list[Mark]:
    """The marks after this Unix time."""
    return [mark for mark in watch.marks.last if mark.at > since]
