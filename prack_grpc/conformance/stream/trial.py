"""One worker, and the gateway that it dials."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from prack_grpc.conformance.case import Terms
from prack_grpc.conformance.certificates import Certificates, Changing, Shown
from prack_grpc.conformance.stream import grpc, plain
from prack_grpc.conformance.stream.gateway import Gateway
from prack_grpc.conformance.stream.session import Session
from prack_grpc.conformance.trial import Trial
from prack_grpc.conformance.worker import Worker, working

REDIAL_SECONDS = 2.0  # beside the patience: bounds of the first delays (proto/README.md, 2.4)


class StreamTrial(Trial):
    """What a case of streams tries."""

    def __init__(self, gateway: Gateway, worker: Worker, patience: float) -> None:
        super().__init__(worker, patience)
        self.gateway = gateway
        self._session: Session | None = None

    async def session(self) -> Session:
        """The session that lives, or the next one, welcomed. Raises Broken."""
        if self._session is None or self._session.over:
            return await self.welcomed()
        return self._session

    async def started(self) -> None:
        """Wait for the worker to call. Raises NotStarted."""
        await self.called(self.gateway.called.wait())

    async def dialled(self, rule: str = "2.4") -> Session:
        """The next session, after its hello. Raises Broken, NotStarted."""
        await self.started()
        return await self.gateway.next(self.patience + REDIAL_SECONDS, rule)

    async def welcomed(self, rule: str = "2.4") -> Session:
        """The next session, which this rule asks for, welcomed. Raises Broken."""
        self._session = await self.dialled(rule)
        self._session.welcome()
        return self._session

    async def settle(self) -> None:
        """See Trial."""
        if self._session is not None:
            await self._session.settle()


@asynccontextmanager
async def trying(
    transport: str,
    command: Sequence[str],
    terms: Terms,
    certificates: Certificates,
    patience: float,
) -> AsyncIterator[StreamTrial]:
    """A trial of a new worker. Raises NotStarted, Skipped."""
    gateway = Gateway(terms, patience)
    pair = await certificates.pair() if terms.tls else None
    async with _listening(transport, gateway, pair) as url:
        async with working(command, url, pair[0].authority if pair else None) as worker:
            yield StreamTrial(gateway, worker, patience)


def _listening(
    transport: str, gateway: Gateway, pair: tuple[Shown, Shown] | None
) -> AbstractAsyncContextManager[str]:
    if transport == "grpc":
        return grpc.listening(gateway, pair)
    return plain.listening(gateway, Changing(pair, gateway.greeted) if pair else None)
