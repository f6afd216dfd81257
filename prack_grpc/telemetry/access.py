"""One line for every request, also for those that die in the queue."""

import logging
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.assignment import Assignment

log = logging.getLogger("prack.access")


class Queued(Protocol):
    """A request that was accepted; `left` says that its client has gone before the end."""

    id: str
    assignment: Assignment | None
    left: bool


@dataclass(slots=True, eq=False)
class Record:
    """What is known of one request; the endpoint fills it in on the way.

    `client` is the peer until it is known better. A `status` of 0: the client was sent nothing.
    """

    scope: MutableMapping[str, Any]
    client: tuple[str, int] | None
    ticket: Queued | None = None
    status: int = 0
    sent: int = 0
    error: str | None = None
    _began: float = field(default_factory=time.monotonic)

    def fields(self) -> dict[str, Any]:
        """The line as data: times in milliseconds, sizes in bytes."""
        total = time.monotonic() - self._began
        ticket, scope = self.ticket, self.scope
        path, query = scope["raw_path"], scope["query_string"]
        fields = {
            "action": "request",
            "method": scope.get("method", "WEBSOCKET"),
            "target": (path + b"?" + query if query else path).decode("latin-1"),
            "status": self.status,
            "bytes": self.sent,
            "total_ms": round(total * 1000, 1),
            "client": self.client[0] if self.client else None,
        }
        if ticket is not None:
            taken = ticket.assignment
            fields["queued_ms"] = round((taken.queued if taken else total) * 1000, 1)
            fields["request_id"] = ticket.id
            fields["attempt"] = taken.attempt if taken else 0
            fields["worker"] = taken.worker if taken else None
            if ticket.left:
                fields["error"] = "client_gone"
        if self.error:
            fields["error"] = self.error
        return fields


class AccessLog:
    """Writes records, or nothing when it is switched off."""

    def __init__(self, enabled: bool = True) -> None:
        self._enabled = enabled

    def write(self, record: Record) -> None:
        """Log one finished request."""
        if self._enabled and log.isEnabledFor(logging.INFO):
            # As log.info does, but for looking up in which line of which file.
            line = logging.LogRecord(log.name, logging.INFO, "", 0, "request", None, None)
            vars(line).update(record.fields())
            log.handle(line)


def refused(error: GatewayError, request_id: str, client: tuple[str, int] | None) -> None:
    """The line of a request that was refused before it could be understood."""
    log.info(
        "refused",
        extra={
            "action": "refused",
            "status": error.kind.status,
            "error": error.kind.code,
            "detail": error.detail,
            "client": client[0] if client else None,
            "request_id": request_id,
        },
    )
