"""One worker under test, whatever it dials."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.worker import NotStarted, Worker

START_SECONDS = 20.0  # for a runtime that starts slowly


class Trial:
    """One worker; cases know more of it."""

    def __init__(self, worker: Worker, patience: float) -> None:
        self.worker = worker
        self.patience = patience

    async def settle(self) -> None:
        """Be ready for the next case. Raises Broken if the worker cannot be used again."""

    async def called(self, call: Coroutine[Any, Any, object]) -> None:
        """Wait for the worker's first call. Raises NotStarted."""
        calling = asyncio.ensure_future(call)
        ending = asyncio.ensure_future(self.worker.ended(START_SECONDS))
        await asyncio.wait([calling, ending], return_when=asyncio.FIRST_COMPLETED)
        has_called = calling.done()
        for wait in (calling, ending):
            wait.cancel()
        await asyncio.gather(calling, ending, return_exceptions=True)
        if not has_called:
            code = self.worker.code
            late = f"did not call the gateway within {START_SECONDS:g} s"
            how = late if code is None else f"ended with exit status {code} before it called"
            raise NotStarted(f"the worker {how}")

    async def ends(self, rule: str) -> int:
        """The worker's exit status, which is due. Raises Broken."""
        try:
            return await self.worker.ended(self.patience)
        except TimeoutError:
            seen = f"expected its process to end within {self.patience:g} s"
            raise Broken(rule, seen) from None
