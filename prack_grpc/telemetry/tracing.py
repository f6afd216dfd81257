"""Traces by OpenTelemetry: whether there are any, which its own variables say.

They take the extra `otel`, and a collector that understands OTLP over HTTP. Nothing of the SDK is
imported before it is known that somebody wants traces.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from prack_grpc.telemetry.complaint import Complaint

if TYPE_CHECKING:
    from prack_grpc.telemetry.spans import Spans

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
EXPORTER, DISABLED = "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED"
OTLP, CONSOLE, NONE, OVER_HTTP = "otlp", "console", "none", "http/protobuf"
LOST = "traces are lost, or late; see that a collector takes them at the endpoint of OTEL_*"
MISSING = "the extra is not installed (No module named {}); run: pip install 'prack[otel]'"


class TracesOff(Exception):
    """There can be no traces as they are asked for, for this reason."""


def spans(environ: Mapping[str, str]) -> "Spans | None":
    """What makes the spans of requests; None if these variables ask for none.

    Traces are wanted if an endpoint of OTLP or an exporter is named. A gateway without them is
    better than none, so what is wrong with these variables is only logged.
    """
    if not _wanted(environ):
        return None
    try:
        return _spans(_exporter(environ))
    except (TracesOff, ValueError) as error:
        log.warning("there are no traces: %s", error, extra={"action": "traces_off"})
        return None


def _wanted(environ: Mapping[str, str]) -> bool:
    if environ.get(DISABLED, "").strip().lower() == "true" or environ.get(EXPORTER) == NONE:
        return False
    return any(environ.get(name) for name in (*ENDPOINTS, EXPORTER))


def _exporter(environ: Mapping[str, str]) -> str:
    """The name of the exporter. Raises TracesOff."""
    exporter = environ.get(EXPORTER) or OTLP
    if exporter not in (OTLP, CONSOLE):
        raise TracesOff(f"{EXPORTER}: expected otlp, console or none (got {exporter!r})")
    name, protocol = next(
        ((name, environ[name]) for name in PROTOCOLS if environ.get(name)), ("", OVER_HTTP)
    )
    if exporter == OTLP and protocol != OVER_HTTP:
        raise TracesOff(f"{name}: only {OVER_HTTP} is supported (got {protocol!r})")
    return exporter


def _spans(exporter: str) -> "Spans":
    """Raises TracesOff, or ValueError for a variable that the SDK does not understand."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        from prack_grpc.telemetry.spans import Spans
    except ModuleNotFoundError as error:
        raise TracesOff(MISSING.format(error.name)) from None
    sdk = logging.getLogger("opentelemetry")
    sdk.handlers, sdk.propagate = [_Complaints(logging.WARNING)], False
    return Spans(OTLPSpanExporter() if exporter == OTLP else ConsoleSpanExporter())


class _Complaints(logging.Handler):
    """What the SDK has to say, once a minute: it would say it for each batch of spans."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._lost = Complaint(log, "traces_lost", LOST)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else ""
        self._lost.make(reason=f"{record.getMessage()} {error}".rstrip())
