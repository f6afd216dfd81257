"""What a worker's answer must be like before a client gets any of it.

House rules: what makes no response costs the client a 502, or a cut response, and the worker is
told which part is wrong (`Refuse`); a lease that was cancelled takes everything and passes on
nothing.
"""

from prack_grpc.core import errors
from prack_grpc.core.effects import Answer, Effects, Finish, Refuse
from prack_grpc.core.errors import BadResponse, GatewayError, LeaseError, WindowExceeded
from prack_grpc.core.exchange.exchange import Lease
from prack_grpc.core.exchange.flow import NO_BODY, UNBOUNDED, Flow
from prack_grpc.core.exchange.states import (
    CALLER_HEAD,
    CANCELLED,
    DONE,
    WORK_HEAD,
    Work,
    WorkEvent,
)
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.fields import (
    checked_accept,
    checked_interim,
    checked_response,
    checked_trailers,
    passed_response,
)
from prack_grpc.core.http.message import Headers, Kind, ResponseHead
from prack_grpc.core.receivers import CancelReason


class Answering:
    """The worker's events that carry a response, checked and applied."""

    def __init__(self, hand_out: HandOut) -> None:
        self._hand_out = hand_out

    def head(
        self, lease: Lease, status: int, headers: Headers, body: bytes, end: bool, now: float
    ) -> Effects:
        """A head, with the first part of its body; `end` if that is all of it.

        Heads with a status from 102 to 199 may come before the final one (RFC 9110 section 15.2).

        Raises LeaseError or WindowExceeded, with nothing changed.
        """
        if lease.state is CANCELLED:
            return self.end(lease, now) if end else []
        try:
            if 100 <= status < 200 and status != 101 and not body and not end:
                return self._interim(lease, status, headers)
            head = _checked(lease, status, headers, body, end)
        except BadResponse as error:
            return self._refuse(lease, error, end, now)
        effects = self.begin(lease, head, end, now)
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
        effects = self.end(lease, now)
        if not (effects and isinstance(effects[-1], Refuse)):
            effects.append(Finish(lease.exchange, checked))
        return effects

    def begin(self, lease: Lease, head: ResponseHead, end: bool, now: float) -> Effects:
        """The worker sent a checked response head; `end` if it sent the whole response.

        Raises LeaseError, or WindowExceeded when its body is larger than a fresh window; without
        a stream there are no windows, and the whole response comes at once.
        """
        windowed = lease.session.profile.acknowledges or not end
        if windowed and len(head.body) > self._hand_out.limits.window:
            raise WindowExceeded(
                f"the head has {len(head.body)} bytes of body, "
                f"more than the window of {self._hand_out.limits.window}"
            )
        wanted = lease.state is not CANCELLED
        lease.apply(WORK_HEAD)
        effects = self._hand_out.finish(lease, now) if end else []
        if not wanted:
            return effects
        exchange = lease.exchange
        exchange.apply(CALLER_HEAD)
        if lease.upload_sent:
            exchange.upload = NO_BODY
        elif exchange.upload is not NO_BODY:
            exchange.upload.forget()
        self._hand_out.stand(exchange, now)
        if not end:
            exchange.download = Flow(self._hand_out.limits.window, allowed=UNBOUNDED)
            exchange.download.push(head.body)
            lease.received = len(head.body)
            lease.expected = -1 if head.end else head.body_length
            effects += self._hand_out.stall(lease, now)
        return effects

    def interim(self, lease: Lease) -> bool:
        """The worker sent a head before the final one. True if the client still wants it.

        Raises LeaseError after the final head.
        """
        if lease.state not in (Work.LEASED, Work.CANCELLED):
            raise LeaseError("an interim response head came after the final one")
        return not lease.cancelled

    def data(self, lease: Lease, data: bytes, now: float) -> Effects:
        """The worker sent a piece of the response body.

        Raises LeaseError, or WindowExceeded past what it was granted.
        """
        if lease.cancelled:
            return []
        if lease.state is not Work.ANSWERING:
            lease.apply(WorkEvent.DATA)
        if 0 <= lease.expected < lease.received + len(data):
            too_long = BadResponse("content-length", "the body is longer")
            return [*self.spoil(lease, str(too_long), now), Refuse(too_long)]
        lease.exchange.download.push(data)
        lease.received += len(data)
        if lease.exchange.state is DONE:
            return []
        self._hand_out.stand(lease.exchange, now)
        return self._hand_out.stall(lease, now)

    def end(self, lease: Lease, now: float) -> Effects:
        """The response is complete. Raises LeaseError."""
        wanted = not lease.cancelled
        short = wanted and 0 <= lease.expected != lease.received
        effects = self._hand_out.finish(lease, now)
        if short:
            too_short = BadResponse("content-length", "the body is shorter")
            return [*effects, *self.spoil(lease, str(too_short), now), Refuse(too_short)]
        if wanted:
            lease.exchange.download.ended = True
        return effects

    def spoil(self, lease: Lease, message: str, now: float) -> Effects:
        """What the worker sent cannot be passed on: 502, or a cut response."""
        error = GatewayError(errors.BAD_RESPONSE, message)
        return self._hand_out.fail(lease.exchange, error, CancelReason.BAD_RESPONSE, now)

    def _interim(self, lease: Lease, status: int, headers: Headers) -> Effects:
        if not self.interim(lease):
            return []
        return [Answer(lease.exchange, checked_interim(status, headers))]

    def _refuse(self, lease: Lease, error: BadResponse, end: bool, now: float) -> Effects:
        """`end` if that was the worker's last word."""
        effects = self.spoil(lease, str(error), now)
        if end and lease.cancelled:
            effects += self.end(lease, now)
        return [*effects, Refuse(error)]


def _checked(lease: Lease, status: int, headers: Headers, body: bytes, end: bool) -> ResponseHead:
    request = lease.exchange.request
    if status == 101 and request.kind is Kind.WEBSOCKET:
        return checked_accept(headers, body, end)
    if lease.session.guest:
        return passed_response(status, headers, body, end)
    return checked_response(request.method, status, headers, body, end)
