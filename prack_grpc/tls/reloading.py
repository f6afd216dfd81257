"""Looks at the files of certificates, so that renewed ones are shown without a restart."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from prack_grpc.tls.certificates import Certificates

# Between two looks. Files must be the same twice: a certificate and its key are two of them.
LOOK_SECONDS = 2.0


@asynccontextmanager
async def reloading(all_: Iterable[Certificates]) -> AsyncIterator[None]:
    """Their files are looked at inside."""
    looking = asyncio.create_task(_look(list(all_)), name="certificates")
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look(all_: list[Certificates]) -> None:
    while all_:
        await asyncio.sleep(LOOK_SECONDS)
        for one in all_:
            one.look()
