"""The HTTP/1.1 protocol of every HTTP port: one client's connection.

House rules: every wait for the client has a time-out; every size has a limit; an answer to a bad
request never overtakes the answer to the request before it; a client that leaves is noticed at
once, whatever it has left behind; a response that is not complete never looks so.
"""

import asyncio
from time import perf_counter
from typing import cast

from starlette.types import ASGIApp, Scope

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.gateway.http.admission import Place, Verdict
from prack_grpc.gateway.http.closing import Closing
from prack_grpc.gateway.http.flow import Flow
from prack_grpc.gateway.http.reader import WEBSOCKET, Address, Reader, Side
from prack_grpc.gateway.http.server import FEW_STARTS, STARTS, SWITCHING, TASK, HttpServer
from prack_grpc.gateway.http.timeouts import LINGER, NEXT, NOTHING, PAUSE_SECONDS, Phase, Timeout
from prack_grpc.gateway.http.transaction import BEGUN, HIGH_WATER, Response, Transaction, refusal
from prack_grpc.gateway.request.client import Watcher
from prack_grpc.gateway.request.exchange import READ_AHEAD
from prack_grpc.turns import GOING


class Connection(asyncio.Protocol):
    """Who waits for whom, and how it ends. What is read, written and timed is its parts' matter."""

    __slots__ = (
        "_client",
        "_closing",
        "_loop",
        "_met",
        "_place",
        "_reader",
        "_refusal",
        "_running",
        "_timeout",
        "_transport",
        "_unstarted",
        "_watcher",
        "flow",
        "requests",
        "server",
    )

    _closing: Closing
    _place: Place
    _reader: Reader
    _transport: asyncio.Transport
    flow: Flow

    def __init__(
        self, server: HttpServer, client: Address | None = None, place: Place | None = None
    ) -> None:
        """Of a `client` that is not at the other end; with the `place` that it has already."""
        self.server = server
        self._client, self._met = client, place
        self._loop = asyncio.get_running_loop()
        self._timeout = Timeout(self._loop, self._late)
        self._watcher: Watcher | None = None
        self._refusal: GatewayError | None = None
        self._running: Transaction | None = None
        self._unstarted = False  # it is running, but nobody serves it yet
        self.requests = 0  # that have arrived

    # ------------------------------------------------------------ for the listener

    @property
    def is_idle(self) -> bool:
        """Nothing of another request has come since the last response."""
        return self._reader.is_idle and not self._busy()

    def leave(self) -> None:
        """The response to the last request that has arrived ends the connection."""
        if (last := self._reader.transaction) and not last.response.started:
            last.response.keep_alive = False

    def shutdown(self) -> None:
        """The server stops: an idle connection ends now, a busy one after its response."""
        if self._running is not None and self._busy():
            self._running.response.keep_alive = False
        elif not self.flow.waits:
            self._close()

    def abort(self) -> None:
        """End it now."""
        self._transport.abort()

    # ------------------------------------------------------------ for the endpoint

    def watch(self, watcher: Watcher, waits: bool = False) -> None:
        """See Client."""
        self._reader.rests = waits
        if self._transport.is_closing():
            watcher.lost(None)
        else:
            self._watcher = watcher

    def unwatch(self, watcher: Watcher) -> None:
        """Tell this no more; a response that is complete has started the next request already."""
        if self._watcher is watcher:
            self._watcher = None

    def reply(self) -> Response | None:
        """What takes a whole response at once; None while the client does not read."""
        running = None if self.flow.write_paused else self._running
        return running.response if running else None

    def run(self, app: ASGIApp) -> None:
        """Have this go on with the running request, in a coroutine."""
        if (running := self._running) is not None:  # else the client has left in this very turn
            self.server.run(running.run(app))

    def cut(self) -> None:
        """End the connection so that the client cannot take the response for complete."""
        if (running := self._running) is not None:
            running.disconnect()
        if running is None or running.response.ends_with_connection:
            self._closing.reset()
        else:
            self._close()

    def switch(self, protocol: asyncio.Protocol) -> None:
        """Leave the connection to the protocol that the running request has asked for."""
        if self._running is not None:
            self._running.disconnect()  # nothing more is to be said in HTTP
        if self._transport.is_closing() or self._reader.switched is None:
            return
        self._transport.write(SWITCHING % self._reader.switched)
        self._place.leave()
        self._hand_over(protocol)

    # ------------------------------------------------------------ asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        server = self.server
        self._transport = stream = cast("asyncio.Transport", transport)
        side = Side.of(stream, server.state, self._client)
        self._client = side.client
        number = stream.get_extra_info("socket").fileno()
        self._place = self._met or server.admission.enter(number, self._client)
        self.flow = Flow(stream, self._place.client)
        self._closing = Closing(self._loop, stream, server.limits, self._timeout)
        self._reader = Reader(self, server.limits, side)
        server.connections.add(self)
        self._timeout.start(NEXT, server.limits.head_seconds)
        if self._place.verdict is Verdict.CUT:
            stream.abort()
        elif self._place.verdict is Verdict.REFUSED:
            self._refusal = GatewayError(errors.TOO_MANY_CONNECTIONS)
            self._answer(self._refusal, logged=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The running request is told; those behind it never start."""
        self._place.leave()
        self._reader.stop()
        if self._busy():
            self._lose(None)
        if self._running is not None:
            self._running.disconnect()
        self.flow.resume_writing()
        self._forget()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None or self._timeout.phase is LINGER:
            self.flow.hold(self.server.turns, self._go_on)  # dropping takes its time, too
            return
        if (reader := self._reader).in_body and not (reader.pipeline or self._unstarted):
            self._timeout.start(Phase.BODY, self.server.limits.body_seconds)
            if reader.overhead.too_slow(self._loop.time()):
                self.refuse(GatewayError(errors.REQUEST_TIMEOUT, "the body arrived too slowly"))
                return
        if self.flow.waits or not (reader.backlog or self.server.starts.left > 0):
            reader.backlog += data
            self.flow.wait(self.server.starts, self._go_on)
        else:
            began, left = perf_counter(), (starts := self.server.starts).left
            reader.receive(data)
            self._parsed()
            starts.left -= max(1.0, (perf_counter() - began) / GOING)
            if starts.left < FEW_STARTS <= left:  # the next turn has all
                self._loop.call_soon(setattr, starts, "left", float(STARTS))
        self._bound()

    def eof_received(self) -> bool:
        """The client has left. Of a crowd that leaves at once, few end in a turn of the loop."""
        return self._closing.left(self.server.goings, self.flow)

    def pause_writing(self) -> None:
        """The client has as long as it takes bytes."""
        self.flow.pause_writing()
        self._closing.watch()

    def resume_writing(self) -> None:
        self.flow.resume_writing()
        self._closing.unwatch()

    def _busy(self) -> bool:
        return self._running is not None and not self._running.response.complete

    def _close(self, half: bool = False) -> None:
        self.flow.resume_reading()
        self._closing.close(half or self._reader.in_body)
        self._reader.stop()

    def _forget(self) -> None:
        """Hold nothing that holds this: a closed connection must not wait for the collector."""
        self.server.connections.discard(self)
        self._closing.cancel()
        self._timeout.cancel()
        self._reader.close()
        self.flow.end()
        self._running = self._watcher = None

    def _late(self, phase: Phase) -> None:
        """The client took too long for this."""
        if phase is LINGER:
            self._closing.late()
        elif phase is Phase.PAUSED:
            self._look()
        elif phase is Phase.BODY and self._running is not None and self._running.expects:
            self._timeout.start(Phase.BODY, self.server.limits.body_seconds)
        elif phase is NEXT and self.flow.waits:
            self._timeout.start(NEXT, self.server.limits.head_seconds)
        elif phase is NEXT:
            self._close()
        else:
            self.refuse(GatewayError(errors.REQUEST_TIMEOUT, f"the {phase.value} took too long"))

    def _look(self) -> None:
        """We do not read, so that only a look shows whether the client is still there."""
        self._reader.overhead.restart(self._loop.time())
        if self.flow.read_paused and self._closing.gone():
            self._transport.abort()
        elif self.flow.read_paused:
            self._timeout.start(Phase.PAUSED, PAUSE_SECONDS)
        elif self._reader.in_body and self._busy():
            self._timeout.start(Phase.BODY, self.server.limits.body_seconds)
        else:
            self._timeout.phase = NOTHING

    def refuse(self, error: GatewayError) -> None:
        """Answer a request that cannot go on, after those before it, and end the connection."""
        reader, self._refusal = self._reader, error
        reader.stop()
        if reader.in_body and reader.transaction is self._running:
            self._unstarted = False
            self._lose(error)
        elif reader.in_body and reader.pipeline:
            reader.pipeline.pop()
        elif not self._busy():
            self._answer(error)

    def _lose(self, error: GatewayError | None) -> None:
        """The running request cannot go on."""
        if self._watcher is not None:
            self._watcher.lost(error)
        elif self._running is not None:
            self._running.disconnect()
            if error is not None:
                self._answer(error)

    def _answer(self, error: GatewayError, logged: bool = True) -> None:
        request_id, answer = refusal(error)
        self._transport.write(answer)
        self._close(half=True)
        if logged:
            self.server.access.refused(error, request_id, self._client)

    def unfinished(self) -> None:
        """The application has ended without an end of the response."""
        if (running := self._running) is None or running.response.started:
            self.cut()
        else:
            running.disconnect()
            self._answer(GatewayError(errors.INTERNAL))

    def arrived(self, scope: Scope, keep_alive: bool) -> Transaction:
        """The request can start, or waits behind the one before."""
        old = scope["http_version"] == "1.0"
        keep_alive = keep_alive and not self.server.leaving
        if self._reader.switched is not None:
            keep_alive = False
            scope["extensions"]["prack"]["switch"] = self.switch
        response = self.server.response(self, self._transport, scope["method"], old, keep_alive)
        transaction = Transaction(self, scope, self.flow, response)
        self.requests += 1
        if self._busy():
            self._reader.pipeline.append(transaction)
        else:
            self._running, self._unstarted = transaction, True
        return transaction

    def ended(self) -> None:
        """The request that has arrived last is complete; it starts now if it can."""
        reader = self._reader
        if self._unstarted and not self.flow.waits:
            if not (reader.overhead.chunked and reader.overhead.spent()):
                self._start()
        elif not self._busy():
            self._timeout.start(NEXT, self.server.admission.idle_seconds)
        elif reader.transaction is self._running:
            self._timeout.phase = NOTHING

    def _parsed(self) -> None:
        """Something was parsed: start what has not, time what is not here, or leave HTTP."""
        if self._unstarted and not self.flow.waits:
            self._start()
        elif self._reader.overhead.in_head and self._refusal is None:
            if self._timeout.phase not in (Phase.HEAD, LINGER) and not self._busy():
                self._timeout.start(Phase.HEAD, self.server.limits.head_seconds)
        if self._reader.switched is not None and self._refusal is None:
            self._leave_http()
        elif self._reader.has_had_its_turn:
            self.flow.hold(self.server.turns, self._go_on)

    def _start(self) -> None:
        """Start the running request: without a coroutine, if its application can."""
        self._unstarted = begun = False
        transaction, server = self._running, self.server
        assert transaction is not None  # noqa: S101 - it was about to start
        if not transaction.more_body:
            self._timeout.phase = NOTHING
            if server.begin is not None and transaction.unread <= READ_AHEAD:
                begun = server.begin(transaction.scope, transaction.peek(), self)
        else:
            self._timeout.start(Phase.BODY, server.limits.body_seconds)
            self._reader.overhead.restart(self._loop.time())
            if server.begin_early is not None and not transaction.awaits_continue():
                begun = server.begin_early(transaction.scope, transaction, self)
        if begun:
            transaction.scope = BEGUN
        else:
            transaction.expects = transaction.awaits_continue()
            server.starts.left -= TASK
            self.run(server.app)

    def answered(self) -> None:
        """The running request is answered: go on with the next, or wait for it."""
        running, reader = self._running, self._reader
        if running is None or self._transport.is_closing():
            reader.stop()  # nobody is there for what is behind it
            return
        running.wake()
        reader.chunks_left = 0  # what is behind it is for another turn
        if not running.response.keep_alive:
            self._close()
        elif reader.pipeline:
            self._running, self._unstarted = reader.pipeline.pop(0), True
        elif self._refusal is not None:
            self._answer(self._refusal)
        else:
            self._timeout.start(NEXT, self.server.admission.idle_seconds)
        if self._unstarted or reader.backlog or self.flow.read_paused:
            self.flow.wait(self.server.turns, self._go_on)

    def _go_on(self) -> None:
        """Parse what came in meanwhile, start who has waited; read on if not too much is left."""
        reader, running = self._reader, self._running
        reader.go_on()
        self._parsed()
        if self.flow.read_paused and reader.switched is None and not reader.is_full:
            if running is None or running.response.complete or running.unread <= HIGH_WATER:
                self.flow.resume_reading()
        self._bound()

    def _bound(self) -> None:
        """Reading on is the only way to notice that the client leaves, but has its bound."""
        if self._reader.is_full:
            self.flow.pause_reading()
        if self.flow.read_paused:
            self._timeout.start(Phase.PAUSED, PAUSE_SECONDS)

    def switches(self, protocol: bytes) -> bool:
        """Whether a request may leave HTTP for this protocol."""
        return protocol in (self.server.upgrade, self.server.websockets and WEBSOCKET)

    def _leave_http(self) -> None:
        """Nothing behind the last head is HTTP."""
        reader = self._reader
        if reader.switched != WEBSOCKET:
            self.flow.pause_reading()  # the application decides, see `switch`
        elif self._busy() or reader.pipeline:
            message = "an upgrade must not be sent before earlier responses are complete"
            self.refuse(GatewayError(errors.BAD_REQUEST, message))
        elif make := self.server.websockets:
            self._hand_over(make(self.server, self._client, self._place), reader.handshake())

    def _hand_over(self, protocol: asyncio.Protocol, head: bytes = b"") -> None:
        """The connection is this protocol's, which reads its head and then what has come since."""
        rest = bytes(self._reader.backlog)
        self._forget()
        self._transport.resume_reading()  # whoever has paused it
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        for data in filter(None, (head, rest)):
            protocol.data_received(data)
