"""The id of the request that is being answered, for whoever logs meanwhile."""

from __future__ import annotations

import logging
from contextvars import ContextVar

from prack_worker.request import Request

# In the context of the task, or the thread, that answers it. Its id is looked up only by those
# who want it, as most want it for few requests.
current: ContextVar[Request | None] = ContextVar("prack_request", default=None)


class RequestId:
    """The X-Request-Id of the request in whose context the caller is."""

    def get(self) -> str:
        """As the client and the gateway's log know it; "" outside of requests."""
        request = current.get()
        return request.x_request_id() if request is not None else ""


request_id = RequestId()


class RequestIdFilter(logging.Filter):
    """Gives each record a `request_id`, for formats: `%(request_id)s`; "-" outside of requests.

    By its name in a configuration: `{"()": "prack_worker.RequestIdFilter"}`. Have it at a handler:
    filters of a logger do not see what its children log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """See logging.Filter; lets everything pass."""
        record.request_id = request_id.get() or "-"
        return True
