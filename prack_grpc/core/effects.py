"""What the shell must do after the core has decided. The core itself performs nothing."""

import enum
from typing import NamedTuple

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Lease


class CancelReason(enum.IntEnum):
    """Why nobody waits for a lease any more; the numbers are those of the protocol."""

    CLIENT_GONE = 1
    DEADLINE = 2
    BAD_RESPONSE = 3
    SHUTDOWN = 4
    REQUEST_CUT = 5


class Deliver(NamedTuple):
    """Hand this exchange to the worker of its session."""

    lease: Lease


class Cancel(NamedTuple):
    """Tell the worker that nobody waits for this lease any more."""

    lease: Lease
    reason: CancelReason


class Fail(NamedTuple):
    """Give the client this error; if the head was sent, cut the response so that it shows."""

    exchange: Exchange
    error: GatewayError


Effect = Deliver | Cancel | Fail
Effects = list[Effect]
