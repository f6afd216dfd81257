"""A worker that takes what it is given, and does nothing with it."""

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.receivers import CancelReason


class Worker:
    """Implements `core.receivers.WorkReceiver`; nodes perform for themselves."""

    def deliver(self, assignment: Assignment) -> None:
        """See WorkReceiver."""

    def cancel(self, assignment: Assignment, reason: CancelReason) -> None:
        """See WorkReceiver."""

    def uploaded(self, assignment: Assignment) -> None:
        """See WorkReceiver."""

    def grant(self, assignment: Assignment, offset: int) -> None:
        """See WorkReceiver."""
