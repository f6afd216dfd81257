"""One worker, and the gateway that it dials."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.certificates import Certificates, Shown, changing
from prack_grpc.conformance.stream import grpc, plain
from prack_grpc.conformance.stream.gateway import Gateway
from prack_grpc.conformance.stream.session import Session
from prack_grpc.conformance.worker import NotStarted, Worker, working

START_SECONDS = 20.0  # for a runtime that starts slowly
REDIAL_SECONDS = 2.0  # beside the patience: bounds of the first delays (proto/README.md, 2.4)


@dataclass
class Trial:
    """What a case tries: `session` is the newest one, welcomed."""

    gateway: Gateway
    worker: Worker
    patience: float
    _session: Session | None = None

    async def session(self) -> Session:
        """The session that lives, or the next one, welcomed. Raises Broken."""
        if self._session is None or self._session.over:
            return await self.welcomed()
        return self._session

    async def dialled(self, rule: str = "2.4") -> Session:
        """The next session, after its hello. Raises Broken, NotStarted."""
        await self.started()
        return await self.gateway.next(self.patience + REDIAL_SECONDS, rule)

    async def started(self) -> None:
        """Wait for the worker to call. Raises NotStarted."""
        waits = [
            asyncio.ensure_future(wait)
            for wait in (self.gateway.called.wait(), self.worker.ended(START_SECONDS))
        ]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        if not self.gateway.called.is_set():
            code = self.worker.code
            seconds = f"did not dial the gateway within {START_SECONDS:g} s"
            how = seconds if code is None else f"ended with exit status {code} before it dialled"
            raise NotStarted(f"the worker {how}")

    async def welcomed(self, rule: str = "2.4") -> Session:
        """The next session, which this rule asks for, welcomed. Raises Broken."""
        self._session = await self.dialled(rule)
        self._session.welcome()
        return self._session

    async def ends(self, rule: str) -> int:
        """The worker's exit status, which is due. Raises Broken."""
        try:
            return await self.worker.ended(self.patience)
        except TimeoutError:
            seen = f"expected its process to end within {self.patience:g} s"
            raise Broken(rule, seen) from None

    async def settle(self) -> None:
        """Be ready for the next case. Raises Broken if the worker cannot be used again."""
        if self._session is not None:
            await self._session.settle()


@asynccontextmanager
async def trying(
    transport: str,
    command: Sequence[str],
    terms: Terms,
    certificates: Certificates,
    patience: float,
) -> AsyncIterator[Trial]:
    """A trial of a new worker. Raises NotStarted, Skipped."""
    gateway = Gateway(terms, patience)
    pair = await certificates.pair() if terms.tls else None
    async with _listening(transport, gateway, pair) as url:
        async with working(command, url, pair[0].authority if pair else None) as worker:
            yield Trial(gateway, worker, patience)


def _listening(
    transport: str, gateway: Gateway, pair: tuple[Shown, Shown] | None
) -> AbstractAsyncContextManager[str]:
    if transport == "grpc":
        return grpc.listening(gateway, pair)
    return plain.listening(gateway, changing(pair, gateway.greeted) if pair else None)
