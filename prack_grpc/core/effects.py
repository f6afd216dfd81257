"""What the shell must do after the core has decided. The core itself performs nothing."""

from dataclasses import dataclass
from typing import Protocol

from prack_grpc.core.errors import BadResponse, GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.http.message import Headers, ResponseHead
from prack_grpc.core.receivers import CancelReason


@dataclass(slots=True)
class Deliver:
    """Hand this exchange to the worker of its session."""

    lease: Lease


@dataclass(slots=True)
class Cancel:
    """Tell the worker that nobody waits for this lease any more."""

    lease: Lease
    reason: CancelReason


@dataclass(slots=True)
class Fail:
    """Give the client this error; if the head was sent, cut the response so that it shows."""

    exchange: Exchange
    error: GatewayError


@dataclass(slots=True)
class Answer:
    """Give the client this head."""

    exchange: Exchange
    head: ResponseHead


@dataclass(slots=True)
class Finish:
    """Tell the client that the response body is complete."""

    exchange: Exchange
    trailers: Headers


@dataclass(slots=True)
class Grant:
    """Tell the worker that it may send more of the response body."""

    lease: Lease


@dataclass(slots=True)
class Refuse:
    """Tell the worker that what it sent makes no response. Always the last effect."""

    error: BadResponse


class Tell(Protocol):
    """Tell another gateway something, see `core/lending/messages.py`."""

    def tell(self, now: float) -> None:
        """It says what is so when it is told, which may be later than it was decided."""


Effect = Deliver | Cancel | Fail | Answer | Finish | Grant | Refuse | Tell
Effects = list[Effect]
