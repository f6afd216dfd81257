"""Runs an ASGI or WSGI application behind a Prack gateway, by dialling in.

Most need the command only: `prack-worker main:app`. In a program of one's own, `run(app)` does the
same, with the same settings. A worker beside other work of an event loop:

    from prack_worker import AsgiApplication, Identity, Worker
    from prack_worker.stream.plain import TcpTransport

    transport = TcpTransport("127.0.0.1:4242", Identity("web-1"))
    async with Worker(AsgiApplication(app), transport, slots=64):
        ...

The transports are imported by their modules, so that nobody loads one that he does not use.
"""

from prack_worker.asgi.application import AsgiApplication
from prack_worker.errors import (
    AppLoadError,
    ClientDisconnected,
    ConnectFailed,
    GatewayRefused,
    LifespanFailed,
    PrackError,
    ResponseRefused,
    UsageError,
)
from prack_worker.exchange import AbortCode, CancelReason, Exchange
from prack_worker.logs.lines import JsonFormatter
from prack_worker.logs.request_id import RequestIdFilter, request_id
from prack_worker.program import Options, run
from prack_worker.request import Request
from prack_worker.transport import Ending, Identity, Route, Session, Transport
from prack_worker.version import VERSION as __version__
from prack_worker.worker import Application, Worker
from prack_worker.wsgi.application import WsgiApplication

__all__ = [
    "AbortCode",
    "AppLoadError",
    "Application",
    "AsgiApplication",
    "CancelReason",
    "ClientDisconnected",
    "ConnectFailed",
    "Ending",
    "Exchange",
    "GatewayRefused",
    "Identity",
    "JsonFormatter",
    "LifespanFailed",
    "Options",
    "PrackError",
    "Request",
    "RequestIdFilter",
    "ResponseRefused",
    "Route",
    "Session",
    "Transport",
    "UsageError",
    "Worker",
    "WsgiApplication",
    "__version__",
    "request_id",
    "run",
]
