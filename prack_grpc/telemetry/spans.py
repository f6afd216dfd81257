"""The spans of requests, after the stable HTTP conventions of OpenTelemetry.

A SERVER span for each request, from its head to the last byte of its response; below it a span
`queue`, and a span `worker` for each hand-out, from there to the worker's head. The worker's own
spans go below the latter.
"""

import asyncio
import re
import threading
import time
from typing import Any

from opentelemetry.context import Context
from opentelemetry.propagate import extract, inject
from opentelemetry.sdk.resources import OTELResourceDetector, Resource, get_aggregated_resources
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)

from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.telemetry.access import Queued, Record
from prack_grpc.telemetry.books.place import METHODS, OTHER_METHOD

# How long a stop waits for a collector to take the last spans.
FLUSH_SECONDS = 2.0
# Values that the conventions of url.query have left out: signatures of links.
SECRET = re.compile(r"((?:^|&)(?:AWSAccessKeyId|Signature|sig|X-Goog-Signature)=)[^&]*")
# The second belongs to the first; that of another trace would be wrong.
PARENT, STATE = "traceparent", b"tracestate"


class Spans:
    """Makes the spans, and sends them in a thread of the SDK's, whose queue is bounded.

    Implements `telemetry.access.Tracer`. The variables of the SDK say what is sampled.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        named = Resource({"service.name": "prack"})
        resource = get_aggregated_resources([OTELResourceDetector()], named)
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("prack")

    def begin(self, request: Request) -> "Trace":
        """A request has come; from now on its fields name our span."""
        return Trace(self._tracer, request)

    def ended(self, record: Record, now: float) -> None:
        """See access.Tracer."""
        if record.request is not None and isinstance(record.request.trace, Trace):
            record.request.trace.end(record, now)

    async def stop(self) -> None:
        """Send what is left, if somebody takes it in time."""
        flush = threading.Thread(target=self._provider.shutdown, name="flush-traces", daemon=True)
        flush.start()
        await asyncio.to_thread(flush.join, FLUSH_SECONDS)


class Trace:
    """The spans of one request. Implements `core.http.message.Trace`."""

    __slots__ = ("_below", "_epoch", "_server", "_tracer", "_workers", "id")

    def __init__(self, tracer: Tracer, request: Request) -> None:
        self._tracer = tracer
        self._epoch = time.time_ns() - time.monotonic_ns()
        parent = extract(_by_name(request.headers), Context())
        attributes = _of_request(request)
        self._server = tracer.start_span(
            _name(attributes), parent, SpanKind.SERVER, attributes, start_time=self._now()
        )
        self._below = set_span_in_context(self._server, Context())
        self._workers: list[Span] = []
        self.id = format_trace_id(self._server.get_span_context().trace_id)
        _write(self._below, request.headers)

    def handed(self, headers: Headers) -> None:
        """See core.http.message.Trace."""
        span = self._tracer.start_span(
            "worker", self._below, SpanKind.CLIENT, start_time=self._now()
        )
        self._workers.append(span)
        _write(set_span_in_context(span, Context()), headers)

    def end(self, record: Record, now: float) -> None:
        """The request of this record is over."""
        if record.ticket is not None:
            self._end_below(record.ticket, now)
        if record.status:
            self._server.set_attribute("http.response.status_code", record.status)
        error = record.error
        if error is None and record.ticket is not None and record.ticket.left:
            error = "client_gone"
        if error is not None:
            self._server.set_attribute("prack.error", error)
        if record.status >= 500 or (record.error is not None and record.status < 400):
            self._server.set_attribute("error.type", error or str(record.status))
            self._server.set_status(StatusCode.ERROR)
        self._server.end(self._at(now))

    def _end_below(self, ticket: Queued, now: float) -> None:
        queue = self._tracer.start_span(
            "queue",
            self._below,
            attributes={"prack.route": ticket.route},
            start_time=self._at(ticket.since),
        )
        if ticket.assignment is None:
            queue.end(self._at(now))
            return
        hand_outs = (*ticket.earlier, (ticket.assignment, ticket.handed))
        starts = [at for _, at in hand_outs]
        queue.end(self._at(starts[0]))
        answered = ticket.answered if ticket.answered >= ticket.handed else now
        ends = (*starts[1:], answered)
        for span, (assignment, _), end in zip(self._workers, hand_outs, ends, strict=True):
            span.set_attributes(_of_hand_out(assignment))
            span.end(self._at(end))

    def _now(self) -> int:
        return self._epoch + time.monotonic_ns()

    def _at(self, instant: float) -> int:
        """An instant of `time.monotonic` in nanoseconds since 1970; one clock for all spans."""
        return self._epoch + int(instant * 1e9)


def _by_name(headers: Headers) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in headers:
        fields.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return fields


def _write(context: Context, headers: Headers) -> None:
    """Have the worker go on below the span of this context. Baggage stays as it is."""
    written: dict[str, str] = {}
    inject(written, context)
    fields = [(name.lower().encode(), value.encode()) for name, value in written.items()]
    dropped = dict(fields).keys() | ({STATE} if PARENT in written else set())
    headers[:] = [field for field in headers if field[0] not in dropped] + fields


def _name(attributes: dict[str, Any]) -> str:
    method: str = attributes["http.request.method"]
    return "HTTP" if method == OTHER_METHOD else method


def _of_request(request: Request) -> dict[str, Any]:
    """What is known when it comes, for samplers too."""
    method, (host, port) = METHODS.get(request.method), _server(request.authority.decode())
    path, _, query = request.target.decode("latin-1").partition("?")
    found = {
        "http.request.method": method or OTHER_METHOD,
        "http.request.method_original": None if method else request.method.decode(),
        "url.scheme": request.scheme.decode(),
        "url.path": path,
        "url.query": SECRET.sub(r"\1REDACTED", query),
        "server.address": host,
        "server.port": port,
        "client.address": request.client[0],
        "network.protocol.version": request.http_version.decode(),
        "user_agent.original": dict(request.headers).get(b"user-agent", b"").decode("latin-1"),
        "prack.request_id": request.x_request_id,
        "prack.exchange": request.id,
    }
    return {name: value for name, value in found.items() if value}


def _server(authority: str) -> tuple[str, int | None]:
    """Host and port. Not by urllib, which does not take all that RFC 3986 does."""
    host, _, port = authority.rpartition(":")
    if port.isdigit():
        return host.strip("[]"), int(port)
    return authority.removesuffix(":").strip("[]"), None


def _of_hand_out(assignment: Assignment) -> dict[str, Any]:
    profile = assignment.profile
    return {
        "prack.worker": profile.worker,
        "prack.service": profile.service,
        "prack.version": profile.version,
        "prack.attempt": assignment.attempt,
        "prack.route": assignment.route,
    }
