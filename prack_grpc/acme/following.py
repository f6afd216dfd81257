"""The certificate that another process of the same gateway gets."""

import asyncio
from contextlib import suppress
from pathlib import Path

from prack_grpc.acme.signed import parsed
from prack_grpc.acme.store import wrong
from prack_grpc.tls.certificates import Certificates
from prack_wire import private

LOOK_SECONDS = 0.5


class Following:
    """Shows what the first process has put into this file, which it writes as a whole."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._text = private.read(file)
        self._certificate = parsed(self._text)

    def reasons(self) -> list[str]:
        """What is wrong with the certificate that is shown."""
        return wrong(self._certificate, "process 1 orders it")

    async def run(self, certificates: Certificates) -> None:
        """Have new ones shown by `certificates`, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look(certificates)

    def look(self, certificates: Certificates) -> None:
        """Have it shown if there is a new one."""
        with suppress(OSError, private.Untrusted, ValueError):  # the first process complains
            if (text := private.read(self._file)) != self._text:
                self._certificate, self._text = parsed(text), text
                certificates.reload()
