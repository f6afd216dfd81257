"""The HTTP/1.1 protocol class of the public port: uvicorn's, with what a gateway needs more.

House rules: every wait for the client has a time-out; every size has a limit; an answer to a bad
request never overtakes the answer to the request before it; a client that leaves is noticed at
once, whatever it has left behind; a response that is not complete never looks so.
"""

import asyncio
from typing import Any, ClassVar

from uvicorn._types import ASGI3Application

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.gateway.http.admission import Admission, Place, Verdict
from prack_grpc.gateway.http.closing import Exit
from prack_grpc.gateway.http.flow_control import FlowControl
from prack_grpc.gateway.http.limits import GuardLimits
from prack_grpc.gateway.http.reader import Reading
from prack_grpc.gateway.http.response import Cycle, refusal
from prack_grpc.gateway.http.timeouts import Phase, Waiting
from prack_grpc.gateway.request.exchange import READ_AHEAD, OnLost
from prack_grpc.gateway.request.head import fits_websocket
from prack_grpc.telemetry.access import refused

PAUSE_SECONDS = 1.0


class Guard(Reading):
    """One client's connection: who waits for whom, and how it ends."""

    admission: ClassVar[Admission] = Admission(GuardLimits(), exempt=lambda _: False)
    _exit: Exit  # from the connection's first moment on
    _place: Place

    __slots__ = (  # see Reading
        "_exit",
        "_on_lost",
        "_place",
        "_running",
        "_unstarted",
        "_waiting",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._on_lost: OnLost | None = None
        self._running: Cycle | None = None
        self._unstarted: Cycle | None = None  # it is running, but nobody serves it yet
        self._waiting = Waiting(self.loop, self._late)

    # ------------------------------------------------------------ for the endpoint

    def watch(self, on_lost: OnLost) -> None:
        """Call this when the request cannot go on."""
        self._on_lost = on_lost
        if self.transport.is_closing():
            on_lost(None)

    def unwatch(self, on_lost: OnLost) -> None:
        """Call this no more; a response that is complete has started the next request already."""
        if self._on_lost == on_lost:
            self._on_lost = None

    def reply(self) -> Cycle | None:
        """What takes a whole response at once; None while the client does not read."""
        return None if self.flow.write_paused else self._running

    def run(self, app: ASGI3Application) -> None:
        """Have this go on with the running request, in a coroutine."""
        assert self._running is not None  # noqa: S101 - it is the running request that asks
        self._start_asgi_task(self._running, app)

    def cut(self) -> None:
        """End the connection so that the client cannot take the response for complete."""
        running = self._running
        if running is not None:
            running.disconnected = True
        if running is None or (running.scope["http_version"] == "1.0" and not running.framed):
            self._exit.reset()
        else:
            self._close()

    # ------------------------------------------------------------ the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        self.flow = FlowControl(transport)
        self._exit = Exit(self.loop, transport, self.limits, self._waiting)
        self._waiting.start(Phase.NEXT, self.limits.head_seconds)
        self._place = self.admission.enter(transport, self.client, len(self.connections))
        if self._place.verdict is Verdict.CUT:
            transport.abort()
        elif self._place.verdict is Verdict.REFUSED:
            self._refusal = GatewayError(errors.TOO_MANY_CONNECTIONS)
            self._answer(self._refusal, logged=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol. The running request is told; those behind it never start."""
        self._waiting.cancel()
        self._exit.cancel()
        self._place.leave()
        self.pipeline.clear()
        self._backlog.clear()
        if self._busy():
            self._lose(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._refusal is not None or self._waiting.phase is Phase.LINGER:
            return
        if self._in_body and not self.pipeline:
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
            if self._budget.too_slow(self.loop.time()):
                self._refuse(GatewayError(errors.REQUEST_TIMEOUT, "the body came too slowly"))
                return
        self._parse(data)
        if self.flow.read_paused:
            self._waiting.start(Phase.PAUSED, PAUSE_SECONDS)

    def pause_writing(self) -> None:
        """See asyncio.Protocol. The client has as long as it takes bytes."""
        super().pause_writing()
        self._exit.watch()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        self._exit.unwatch()

    def shutdown(self) -> None:
        """The server stops: an idle connection ends now, a busy one after its response."""
        if self._running is not None and self._busy():
            self._running.keep_alive = False
        else:
            self._close()

    def _busy(self) -> bool:
        return self._running is not None and not self._running.response_complete

    def _close(self, half: bool = False) -> None:
        self.flow.resume_reading()
        self._exit.close(half or self._in_body)

    # ------------------------------------------------------------ time-outs and refusals

    def _late(self, phase: Phase) -> None:
        """The client took too long for this."""
        if phase is Phase.LINGER:
            self._exit.late()
        elif phase is Phase.PAUSED:
            self._look()
        elif phase is Phase.BODY and self._owes_continue():
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        elif phase is Phase.NEXT:
            self._close()
        else:
            self._refuse(GatewayError(errors.REQUEST_TIMEOUT, f"the {phase.value} took too long"))

    def _look(self) -> None:
        """We do not read, so that only a look shows whether the client is still there."""
        self._budget.restart(self.loop.time())
        if self.flow.read_paused and self._exit.gone():
            self.transport.abort()
        elif self.flow.read_paused:
            self._waiting.start(Phase.PAUSED, PAUSE_SECONDS)
        elif self._in_body and self._busy():
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        else:
            self._waiting.start(Phase.NOTHING, 0)

    def _owes_continue(self) -> bool:
        return self._running is not None and self._running.waiting_for_100_continue

    def _refuse(self, error: GatewayError) -> None:
        """Answer a request that cannot go on, after those before it, and end the connection."""
        self._refusal, self._unstarted = error, None
        if self._in_body and self.cycle is self._running:
            self._lose(error)
        elif self._in_body and self.pipeline:
            self.pipeline.pop()
        elif not self._busy():
            self._answer(error)

    def _lose(self, error: GatewayError | None) -> None:
        """The running request cannot go on."""
        if self._on_lost is not None:
            self._on_lost(error)
        elif self._running is not None:
            self._running.disconnected = True
            self._running.message_event.set()
            if error is not None:
                self._answer(error)

    def _answer(self, error: GatewayError, logged: bool = True) -> None:
        request_id, answer = refusal(error)
        self.transport.write(answer)
        self._close(half=True)
        if logged:
            refused(error, request_id, self.client)

    # ------------------------------------------------------------ one request after the other

    def _parse(self, data: bytes) -> None:
        super()._parse(data)
        if self._unstarted is not None:
            self._start()
        elif self._budget.in_head and self._waiting.phase is not Phase.HEAD and not self._busy():
            if self._refusal is None:
                self._waiting.start(Phase.HEAD, self.limits.head_seconds)

    def _arrived(self, cycle: Cycle) -> None:
        """The request can start, or waits behind the one before."""
        if self._busy():
            self.pipeline.append(cycle)
        else:
            self._running = self._unstarted = cycle

    def _ended(self) -> None:
        if self._unstarted is not None:
            if not self._budget.spent():
                self._start()
        elif not self._busy():
            self._waiting.start(
                Phase.NEXT, self.admission.keep_alive_seconds(len(self.connections))
            )
        elif self.cycle is self._running:
            self._waiting.start(Phase.NOTHING, 0)

    def _hand_over(self, rest: bytes) -> None:
        """The connection is a WebSocket's from now on."""
        if self._busy() or self.pipeline:
            message = "an upgrade must not come before the responses that are owed"
            self._refuse(GatewayError(errors.BAD_REQUEST, message))
            return
        if not fits_websocket(self.headers):
            self._refuse(GatewayError(errors.HEAD_TOO_LARGE))
            return
        self._waiting.cancel()
        self.scope["method"] = "GET"
        self.handle_websocket_upgrade()
        protocol = self.transport.get_protocol()
        self._place.hand_over(protocol)
        if rest and isinstance(protocol, asyncio.Protocol):
            protocol.data_received(rest)

    def _start(self) -> None:
        """Start the running request: without a coroutine, if it is here whole and not large."""
        cycle, self._unstarted = self._running, None
        assert cycle is not None  # noqa: S101 - it was about to start
        whole = not cycle.more_body and cycle.unread <= READ_AHEAD
        if cycle.more_body:
            self._waiting.start(Phase.BODY, self.limits.body_seconds)
        else:
            self._waiting.start(Phase.NOTHING, 0)
        begin = getattr(self.app, "begin", None)
        if not (whole and begin is not None and begin(cycle.scope, cycle.peek(), self)):
            self._start_asgi_task(cycle, self.app)

    def on_response_complete(self) -> None:
        """The running request is answered: go on with the next, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self._running is not None and not self._running.keep_alive:
            self._close()
            return
        if self.pipeline:
            self._running = self.pipeline.pop(0)
            self._start()
        elif self._refusal is not None:
            self._answer(self._refusal)
        else:
            self._waiting.start(
                Phase.NEXT, self.admission.keep_alive_seconds(len(self.connections))
            )
        if self._backlog or self.flow.read_paused:
            self._go_on()

    def _go_on(self) -> None:
        """Parse what came in meanwhile."""
        self.flow.resume_reading()
        while self._backlog and not self.pipeline and self._refusal is None:
            data = bytes(self._backlog)
            self._backlog.clear()
            self._parse(data)


def guard(limits: GuardLimits, admission: Admission) -> type[Guard]:
    """A Guard with these limits, for uvicorn's `Config(http=...)`."""
    return type("Guard", (Guard,), {"limits": limits, "admission": admission})
