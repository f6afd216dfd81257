"""Connects to whichever address of a name answers first (RFC 8305, section 5).

Not `create_connection`: it gives a silent address minutes before the next one, and uvloop's has no
`happy_eyeballs_delay`.
"""

from __future__ import annotations

import asyncio
import socket
from itertools import chain, zip_longest
from typing import Any

from prack_wire.forks import keep

NEXT_SECONDS = 0.25  # between the starts of two attempts

Address = tuple[Any, ...]  # of `getaddrinfo`


async def dial(host: str, port: int) -> socket.socket:
    """A connected socket. An address that fails or is silent delays the next by so much at most.

    Raises:
        OSError: no address took the connection; of several, what the last one said.
    """
    waiting = interleave(await _resolve(host, port))
    attempts: set[asyncio.Task[socket.socket]] = set()
    said = f"{host} has no address"
    try:
        while waiting or attempts:
            if waiting:
                attempts.add(asyncio.create_task(_connect(waiting.pop(0))))
            pause = NEXT_SECONDS if waiting else None
            done, attempts = await asyncio.wait(
                attempts, timeout=pause, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                if (error := attempt.exception()) is None:
                    return keep(attempt.result())
                said = str(error)
        raise OSError(said)
    finally:
        for attempt in attempts:
            attempt.cancel()
            attempt.add_done_callback(_hang_up)


def interleave(addresses: list[Address]) -> list[Address]:
    """The families by turns, beginning with the system's first choice (RFC 8305, section 4)."""
    first = [one for one in addresses if one[0] == addresses[0][0]]
    others = [one for one in addresses if one[0] != addresses[0][0]]
    return [one for one in chain(*zip_longest(first, others)) if one is not None]


async def _resolve(host: str, port: int) -> list[Address]:
    """Where a name leads to: nowhere, if it is none (`a..b`). Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        return [*await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except UnicodeError:  # of the codec for names
        return []


async def _connect(address: Address) -> socket.socket:
    family, kind, proto, _, where = address
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _hang_up(attempt: asyncio.Task[socket.socket]) -> None:
    """Close a connection that was made after another one was chosen."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()
