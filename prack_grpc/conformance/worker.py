"""The worker under test, as a child process."""

import asyncio
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

PLACE = "{gateway}"
TOKEN = "conformance-0123456789abcdef"  # noqa: S105 - made up, and of no use anywhere
LAST_BYTES, LAST_LINES = 8192, 20


class NotStarted(Exception):
    """The worker cannot be run, or ended before it had dialled; the message tells all."""


class Worker:
    """One process. What it prints is kept."""

    def __init__(self, process: Process, output: IO[bytes]) -> None:
        self._process = process
        self._output = output

    @property
    def code(self) -> int | None:
        """Its exit status once it has ended; negative for a signal."""
        return self._process.returncode

    def stop(self) -> None:
        """Ask it to finish what it holds, and end."""
        self._process.send_signal(signal.SIGTERM)

    async def ended(self, seconds: float) -> int:
        """Wait for its exit status. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            return await self._process.wait()

    def said(self) -> str:
        """The last lines that it printed."""
        size = os.fstat(self._output.fileno()).st_size
        last = os.pread(self._output.fileno(), LAST_BYTES, max(0, size - LAST_BYTES))
        return "\n".join(last.decode(errors="replace").splitlines()[-LAST_LINES:])

    async def kill(self) -> None:
        """End it, with all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def working(command: Sequence[str], gateway: str, ca: Path | None) -> AsyncIterator[Worker]:
    """A worker that dials this address, killed at the end. Raises NotStarted."""
    with TemporaryFile() as output:
        words = [word.replace(PLACE, gateway) for word in command]
        try:
            process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(gateway, ca),
                start_new_session=True,  # a Ctrl-C at our terminal is not one for it
            )
        except OSError as error:
            raise NotStarted(f"{words[0]} cannot be run: {error.strerror}") from None
        worker = Worker(process, output)
        try:
            yield worker
        finally:
            await worker.kill()


def _environment(gateway: str, ca: Path | None) -> Mapping[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PRACK_")}
    trust = {"PRACK_TLS_CA": str(ca)} if ca else {}
    return own | trust | {"PRACK_GATEWAY": gateway, "PRACK_TOKEN": TOKEN}
