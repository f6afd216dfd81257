"""How a worker ends an exchange without a response, and what the client then gets."""

import enum

from prack_grpc.core.errors import DEADLINE, UNSUPPORTED


class AbortCode(enum.IntEnum):
    """The numbers are those of the protocol."""

    REFUSED = 1
    HANDLER_ERROR = 2
    OVERLOADED = 3
    CANCELLED = 4
    TIMED_OUT = 5
    UNSUPPORTED = 6


# No application code saw the request: another worker may.
UNSTARTED = frozenset((AbortCode.REFUSED, AbortCode.OVERLOADED))
ABORT_ERRORS = {
    AbortCode.TIMED_OUT: DEADLINE,
    AbortCode.UNSUPPORTED: UNSUPPORTED,
}
