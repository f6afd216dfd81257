"""A collector of traces in this process: OTLP over HTTP, on loopback."""

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SECONDS = 20.0
Attributes = dict[str, Any]


@dataclass
class Received:
    """One span, its attributes, and those of the process that sent it."""

    span: Span
    attributes: Attributes
    resource: Attributes

    @property
    def name(self) -> str:
        """What was done."""
        return self.span.name

    @property
    def trace_id(self) -> str:
        """In the digits of a traceparent, as are the two others."""
        return self.span.trace_id.hex()

    @property
    def id(self) -> str:
        """Its own."""
        return self.span.span_id.hex()

    @property
    def parent(self) -> str:
        """Of the span above it; empty if there is none."""
        return self.span.parent_span_id.hex()


class Collector:
    """Keeps the spans that come, in the order of their starts."""

    def __init__(self) -> None:
        self._spans: list[Received] = []
        self._changed = threading.Condition()
        self.paths: list[str] = []
        self.port = 0

    @property
    def endpoint(self) -> str:
        """For OTEL_EXPORTER_OTLP_ENDPOINT."""
        return f"http://127.0.0.1:{self.port}"

    def take(self, path: str, data: bytes) -> None:
        """A batch has come."""
        batch = ExportTraceServiceRequest.FromString(data)
        with self._changed:
            self.paths.append(path)
            for group in batch.resource_spans:
                resource = attributes(group.resource.attributes)
                for scope in group.scope_spans:
                    self._spans += [
                        Received(span, attributes(span.attributes), resource)
                        for span in scope.spans
                    ]
            self._changed.notify_all()

    def spans(self, count: int) -> list[Received]:
        """Wait for so many; all that there are."""
        deadline = time.monotonic() + SECONDS
        with self._changed:
            while len(self._spans) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"only {[one.name for one in self._spans]} came"
                self._changed.wait(left)
            return sorted(self._spans, key=lambda one: one.span.start_time_unix_nano)


def attributes(pairs: Any) -> Attributes:
    """Names and values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that listens."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            packed = self.headers.get("content-encoding") == "gzip"
            collector.take(self.path, gzip.decompress(data) if packed else data)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
