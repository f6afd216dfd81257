"""`prack-worker` as a process, for the length of a test."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def command(
    folder: Path, *arguments: str, env: Mapping[str, str] = os.environ
) -> AsyncIterator[Process]:
    """A running `prack-worker`, killed at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "prack_worker", *arguments,
        cwd=folder, stdout=PIPE, stderr=PIPE, env=dict(env),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def outcome(
    folder: Path, *arguments: str, env: Mapping[str, str] = os.environ
) -> tuple[int | None, str]:
    """Exit status and stderr of a command that ends by itself."""
    async with command(folder, *arguments, env=env) as process:
        _, stderr = await process.communicate()
        return process.returncode, stderr.decode()
