"""The id of the request that is being answered, for whoever logs meanwhile."""

from __future__ import annotations

import logging
from contextvars import ContextVar

# Set in the task, or the thread, that answers a request; "" elsewhere.
request_id: ContextVar[str] = ContextVar("request_id", default="")


class RequestIdFilter(logging.Filter):
    """Gives each record a `request_id`, for formats: `%(request_id)s`; "-" outside of requests.

    By its name in a configuration: `{"()": "prack_worker.RequestIdFilter"}`. Have it at a handler:
    filters of a logger do not see what its children log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter; lets everything pass."""
        record.request_id = request_id.get() or "-"
        return True
