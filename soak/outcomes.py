"""What became of the requests, as their clients saw it."""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from soak.orders import Order
from tests.support.client import Response


class Result(StrEnum):
    """How a request ended for its client."""

    OPEN = "open"  # it has not ended
    ANSWERED = "answered"  # a whole response, from whomever
    CUT = "cut"  # a response that was visibly cut; a WebSocket without a close
    CLOSED = "closed"  # a WebSocket that the other side closed; `status` is the code
    BROKEN = "broken"  # no response at all
    LEFT = "left"  # the client left
    HUNG = "hung"  # the client gave up waiting


@dataclass(slots=True)
class Outcome:
    """Times are seconds of the monotonic clock; `code` is that of an error of the gateway.

    It was sent to the gateway of this number. `right` tells whether the body is that of this
    request, byte for byte. `sends` is more than 1 if a kept connection turned out to be closed
    before a byte of a response had come.
    """

    order: Order
    sent: float
    gateway: int = field(default=0, kw_only=True)
    result: Result = Result.OPEN
    head: float | None = None
    ended: float | None = None
    status: int = 0
    code: str = ""
    right: bool = False
    sends: int = 0

    def answered(self, response: Response) -> None:
        """A whole response has come."""
        self.result = Result.ANSWERED
        if (response.header(b"proxy-status") or b"").startswith(b"prack"):
            self.code = json.loads(response.body)["code"]
        else:
            self.right = response.body == self.order.answer()

    @property
    def good(self) -> bool:
        """It got what it asked for, or the refusal that it deserves."""
        wanted = 400 if self.order.bad else 200
        return self.result is Result.ANSWERED and self.status == wanted

    @property
    def failed(self) -> bool:
        """It got something else."""
        return not self.good and self.result in (Result.ANSWERED, Result.CUT, Result.CLOSED)
