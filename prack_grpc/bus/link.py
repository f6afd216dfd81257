"""What carries messages between two gateways, and what makes such links.

House rules: a link is ordered and whole until it ends, and then it is over for good; who writes
never waits, and asks for room before it writes much; what a peer says is handled at once.
"""

import re
from collections.abc import Callable
from typing import Protocol

ID = re.compile(r"[0-9a-f]{8}")  # of a gateway, new at each start
BEAT_SECONDS = 1.0  # each side says something at least this often
DEAD_SECONDS = 3.0  # and is taken for dead after so much silence


class Link(Protocol):
    """One ordered connection to another gateway, whose id is `peer`."""

    peer: str

    def send(self, message: bytes) -> None:
        """Send a message behind all others, together with those of this turn of the loop.

        Nothing happens once the link has ended.
        """

    def post(self, *messages: bytes) -> None:
        """The same at once: whoever does so has gathered what there is in this turn."""

    async def room(self) -> None:
        """Wait while the carrier holds more than it should; returns once the link has ended."""

    def silence(self) -> float:
        """Seconds since the peer has last said something."""

    def close(self, reason: str) -> None:
        """End the link; what was sent still arrives, if it can. Its receiver hears of it before
        this returns.
        """


class LinkReceiver(Protocol):
    """Whoever takes what comes over a link. Nothing may block or raise."""

    def received(self, message: bytes) -> None:
        """The next message."""

    def ended(self, reason: str) -> None:
        """The link is over. Said once; nothing is received after it."""


# What gives a new link its receiver; it may close the link before it returns.
Linked = Callable[[Link], LinkReceiver]
# Whether a peer, by its id, is to have a link of this meeting: not while it has a better one.
Wants = Callable[[str], bool]


class Meeting(Protocol):
    """Finds peers, and keeps one link to each."""

    async def run(self, linked: Linked, wants: Wants) -> None:
        """Meet them until this is cancelled, which ends all links."""
