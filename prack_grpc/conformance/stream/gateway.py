"""What a worker dials: the sessions that came, and those that are turned away."""

import asyncio
import time

from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.stream.session import Link, Session

HELLO_SECONDS = 5.0  # proto/README.md, section 2.1


class Gateway:
    """The kit's gateway, over any carrier.

    Attributes:
        refusals: what the next dials get: "token", "draining", or "silence" for a connection that
            is closed without a word.
        dials: when each dial came, in seconds.
        greetings: how many handshakes of TLS have begun.
        called: there was a dial, or a greeting.
    """

    def __init__(self, terms: Terms, patience: float) -> None:
        self.terms = terms
        self.refusals: list[str] = []
        self.dials: list[float] = []
        self.called = asyncio.Event()
        self.greetings = 0
        self._patience = patience
        self._waiting: asyncio.Queue[Session] = asyncio.Queue()
        self._broken: Broken | None = None

    def greeted(self) -> bool:
        """A handshake of TLS begins; returns whether to show the certificate that is trusted."""
        self.greetings += 1
        self.called.set()
        return self.greetings > self.terms.strangers

    def dialled(self) -> str:
        """A worker has dialled; returns how it is refused, "" if it is not."""
        self.dials.append(time.monotonic())
        self.called.set()
        return self.refusals.pop(0) if self.refusals else ""

    def open(self, link: Link) -> Session:
        """A stream has begun."""
        session = Session(link, self.terms, self._patience)
        self._waiting.put_nowait(session)
        return session

    def breaks(self, broken: Broken) -> None:
        """A dial broke a rule, and no session came of it."""
        self._broken = self._broken or broken
        self._waiting.put_nowait(Session(_Nothing(), self.terms, self._patience))

    @property
    def crowd(self) -> int:
        """How many streams nobody has looked at."""
        return self._waiting.qsize()

    async def next(self, seconds: float, rule: str) -> Session:
        """The next stream, after its hello. Raises Broken."""
        try:
            async with asyncio.timeout(seconds):
                session = await self._waiting.get()
        except TimeoutError:
            if not self.dials:
                seen = f"{self.greetings} handshakes of TLS, and no dial"
                raise Broken("11.5", seen) from None
            raise Broken(rule, f"expected another stream within {seconds:g} s") from None
        if self._broken is not None:
            raise self._broken
        await session.until(lambda: bool(session.frames), "2.1", "a hello", HELLO_SECONDS)
        return session


class _Nothing:
    """Carries nothing."""

    authorization = ""

    def write(self, frame: bytes) -> None:
        """See Link."""

    def end(self) -> None:
        """See Link."""

    def reset(self) -> None:
        """See Link."""
