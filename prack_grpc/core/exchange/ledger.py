"""Hand-outs by identifier, for workers that answer without a stream.

A closed hand-out is remembered for a while, so that a late answer can be told why it is late.
"""

import enum
from collections import OrderedDict

from prack_grpc.core.errors import PrackError
from prack_grpc.core.exchange.exchange import Lease


class Late(enum.Enum):
    """Why an identifier can no longer be answered: code, HTTP status, sentence."""

    UNKNOWN = (
        "unknown_request",
        404,
        "Unknown identifier: no such request was handed out, or it ended long ago",
    )
    ANSWERED = (
        "already_answered",
        409,
        "This request was already answered; the first answer counts",
    )
    STALE = ("stale_lease", 409, "This request was given back, or its lease expired")
    GONE = ("gone", 410, "No one waits for this answer any more")

    def __init__(self, code: str, status: int, sentence: str) -> None:
        self.code = code
        self.status = status
        self.sentence = sentence


class NotHeld(PrackError):
    """The identifier names no open hand-out."""

    def __init__(self, late: Late) -> None:
        super().__init__(late.sentence)
        self.late = late


class Ledger:
    """Open hand-outs, and the last `remembered` closed ones."""

    def __init__(self, remembered: int) -> None:
        self._open: dict[str, Lease] = {}
        self._closed: OrderedDict[str, Late] = OrderedDict()
        self._remembered = remembered

    def __len__(self) -> int:
        return len(self._open)

    def open(self, lease: Lease) -> None:
        """Remember a new hand-out."""
        self._open[lease.identifier] = lease

    def find(self, identifier: str) -> Lease:
        """The open hand-out of this name. Raises NotHeld with the reason."""
        lease = self._open.get(identifier)
        if lease is None:
            raise NotHeld(self._closed.get(identifier, Late.UNKNOWN))
        return lease

    def close(self, lease: Lease, late: Late) -> None:
        """The hand-out has ended; the oldest memory makes room."""
        if self._open.get(lease.identifier) is not lease:
            return
        del self._open[lease.identifier]
        self._closed[lease.identifier] = late
        if len(self._closed) > self._remembered:
            self._closed.popitem(last=False)
