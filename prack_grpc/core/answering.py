"""What a worker's answer must be like before a client gets any of it.

House rules: what makes no response costs the client a 502, or a cut response, and the worker is
told which part is wrong (`Refuse`); a lease that was cancelled takes everything and passes on
nothing.
"""

from prack_grpc.core.dispatcher import Dispatcher
from prack_grpc.core.effects import Answer, Effects, Finish, Refuse
from prack_grpc.core.errors import BadResponse
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.states import DONE
from prack_grpc.core.http.fields import (
    checked_accept,
    checked_interim,
    checked_response,
    checked_trailers,
)
from prack_grpc.core.http.message import Headers, Kind, Request, ResponseHead


class Answering:
    """The worker's events that carry a response, checked and applied."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def head(
        self, lease: Lease, status: int, headers: Headers, body: bytes, end: bool, now: float
    ) -> Effects:
        """A head, with the first part of its body; `end` if that is all of it.

        Heads with a status from 102 to 199 may come before the final one (RFC 9110 section 15.2).

        Raises LeaseError or WindowExceeded, with nothing changed.
        """
        if lease.cancelled:
            return self._dispatcher.finish(lease, now) if end else []
        try:
            if 100 <= status < 200 and status != 101 and not body and not end:
                return self._interim(lease, status, headers)
            head = _checked(lease.exchange.request, status, headers, body, end)
        except BadResponse as error:
            return self._refuse(lease, error, end, now)
        effects = self._dispatcher.head(lease, head, end, now)
        effects.append(Answer(lease.exchange, head))
        return effects

    def finish(self, lease: Lease, trailers: Headers, now: float) -> Effects:
        """The body is complete. Raises LeaseError, with nothing changed."""
        checked: Headers = []
        if trailers and lease.exchange.state is not DONE:
            try:
                checked = checked_trailers(trailers)
            except BadResponse as error:
                return self._refuse(lease, error, True, now)
        effects = self._dispatcher.finish(lease, now)
        if not (effects and isinstance(effects[-1], Refuse)):
            effects.append(Finish(lease.exchange, checked))
        return effects

    def _interim(self, lease: Lease, status: int, headers: Headers) -> Effects:
        if not self._dispatcher.interim(lease):
            return []
        return [Answer(lease.exchange, checked_interim(status, headers))]

    def _refuse(self, lease: Lease, error: BadResponse, end: bool, now: float) -> Effects:
        """`end` if that was the worker's last word."""
        effects = self._dispatcher.spoil(lease, str(error), now)
        if end and lease.cancelled:
            effects += self._dispatcher.finish(lease, now)
        return [*effects, Refuse(error)]


def _checked(
    request: Request, status: int, headers: Headers, body: bytes, end: bool
) -> ResponseHead:
    if status == 101 and request.kind is Kind.WEBSOCKET:
        return checked_accept(headers, body, end)
    return checked_response(request.method, status, headers, body, end)
