"""One worker, and the worker API that it calls."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.certificates import Certificates, Changing
from prack_grpc.conformance.rest.connection import listening
from prack_grpc.conformance.rest.gateway import Gateway
from prack_grpc.conformance.rest.hand_out import HandOut
from prack_grpc.conformance.trial import Trial
from prack_grpc.conformance.worker import Worker, working

FAREWELL_SECONDS = 15.0  # for what a worker still holds of the case before


class RestTrial(Trial):
    """What a case of REST tries."""

    def __init__(self, gateway: Gateway, worker: Worker, patience: float) -> None:
        super().__init__(worker, patience)
        self.gateway = gateway

    async def started(self) -> None:
        """Wait for the worker to call. Raises NotStarted."""

        async def call() -> None:
            while not self.gateway.calls and not self.gateway.greetings:
                await self.gateway.change()

        await self.called(call())

    async def offer(self, target: str = "/hello", method: str = "GET", **more: Any) -> HandOut:
        """A request for the worker. Raises NotStarted."""
        await self.started()
        return self.gateway.offer(target, method, **more)

    async def taken(self, *hand_outs: HandOut, rule: str = "Pull") -> None:
        """Wait until the worker has these. Raises Broken."""
        names = ", ".join(one.target for one in hand_outs)
        await self.gateway.until(
            lambda: all(one.given for one in hand_outs), rule, f"a poll for {names}"
        )

    async def done(self, *hand_outs: HandOut, rule: str = "Push") -> None:
        """Wait until the worker has ended these. Raises Broken."""
        await self.taken(*hand_outs, rule="Pull" if rule == "Push" else rule)
        names = ", ".join(one.target for one in hand_outs)
        await self.gateway.until(
            lambda: all(one.done for one in hand_outs), rule, f"an answer to {names}"
        )

    async def answer(
        self, target: str = "/hello", method: str = "GET", rule: str = "Push", **more: Any
    ) -> HandOut:
        """A request, and its answer, which this rule asks for. Raises Broken."""
        hand_out = await self.offer(target, method, **more)
        await self.done(hand_out, rule=rule)
        return hand_out

    async def parked(self, rule: str = "Pull") -> None:
        """Wait for a poll that waits. Raises Broken."""
        await self.started()
        await self.gateway.until(lambda: self.gateway.parked > 0, rule, "a poll that waits")

    async def ends(self, rule: str) -> int:
        """See Trial. A rule that is broken meanwhile comes first."""
        code = await super().ends(rule)
        self.gateway.check()
        return code

    async def settle(self) -> None:
        """See Trial."""
        held = [one for one in self.gateway.hand_outs.values() if one.given and not one.done]
        seconds = FAREWELL_SECONDS
        await self.gateway.until(lambda: all(one.done for one in held), "Push", "the rest", seconds)


@asynccontextmanager
async def trying(
    _: str,
    command: Sequence[str],
    terms: Terms,
    certificates: Certificates,
    patience: float,
) -> AsyncIterator[RestTrial]:
    """A trial of a new worker. Raises NotStarted, Skipped."""
    gateway = Gateway(terms, patience)
    pair = await certificates.pair() if terms.tls else None
    tls = Changing(pair, gateway.greeted) if pair else None
    async with listening(gateway.handle, gateway.connections, gateway.fail, tls) as url:
        async with working(command, url, pair[0].authority if pair else None) as worker:
            yield RestTrial(gateway, worker, patience)


def expect(hand_out: HandOut, status: int, body: bytes, rule: str = "Push") -> None:
    """Raises Broken."""
    if hand_out.error or (hand_out.status, bytes(hand_out.answer)) != (status, body):
        seen = f"{hand_out}, body {bytes(hand_out.answer[:80])!r}"
        raise Broken(rule, f"{seen}; expected {status} and {body[:80]!r}")
