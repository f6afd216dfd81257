"""What a worker dials: the sessions that came, and those that are turned away."""

import asyncio
import time
from collections import deque

from prack_grpc.conformance.case import Terms
from prack_grpc.conformance.stream.session import Link, Session
from prack_grpc.conformance.witness import Witness

HELLO_SECONDS = 5.0  # proto/README.md, section 2.1


class Gateway(Witness):
    """The kit's gateway, over any carrier.

    Attributes:
        refusals: what the next dials get: "token", "draining", or "silence" for a connection that
            is closed without a word.
        dials: when each dial came, in seconds.
        greetings: how many handshakes of TLS have begun.
        called: there was a dial, or a greeting.
    """

    def __init__(self, terms: Terms, patience: float) -> None:
        super().__init__(patience)
        self.terms = terms
        self.refusals: list[str] = []
        self.dials: list[float] = []
        self.greetings = 0
        self.called = asyncio.Event()
        self._waiting: deque[Session] = deque()

    def state(self) -> str:
        """See Witness."""
        return f"{self.greetings} handshakes of TLS, {len(self.dials)} dials"

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
        session = Session(link, self.terms, self.patience)
        self._waiting.append(session)
        self.notice()
        return session

    @property
    def crowd(self) -> int:
        """How many streams nobody has looked at."""
        return len(self._waiting)

    async def next(self, seconds: float, rule: str) -> Session:
        """The next stream, which this rule asks for, after its hello. Raises Broken."""
        rule = "11.5" if self.terms.tls and not self.dials else rule
        await self.until(lambda: bool(self._waiting), rule, "another stream", seconds)
        session = self._waiting.popleft()
        await session.until(lambda: bool(session.frames), "2.1", "a hello", HELLO_SECONDS)
        return session
