"""Every error this library raises on purpose: one root, and a stable `code` for each."""

from __future__ import annotations


class PrackError(Exception):
    """The root of this library's errors."""

    code = "error"


class UsageError(PrackError):
    """Flags or variables are wrong; one line for each mistake."""

    code = "usage"


class AppLoadError(PrackError):
    """The application named on the command line cannot be used; the text is one line."""

    code = "app_load"


class LifespanFailed(PrackError):
    """The application answered `lifespan.startup.failed` (ASGI lifespan protocol 2.0).

    Attributes:
        details: all that it said, which may be a traceback.
    """

    code = "lifespan_failed"

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class ClientDisconnected(PrackError, OSError):
    """No one waits for this response any more.

    An `OSError`, as ASGI's HTTP specification 2.4 asks of `send()` after a disconnect.
    """

    code = "client_disconnected"


class ResponseRefused(PrackError, ValueError):
    """The application's response breaks a limit of the gateway or of the transport."""

    code = "response_refused"


class ApplicationAway(PrackError):
    """The application behind a proxy cannot be reached; it has seen nothing of the request."""

    code = "application_away"


class ApplicationFailed(PrackError):
    """The application behind a proxy broke off, or what it said is no HTTP/1.1 response."""

    code = "application_failed"


class CommandEnded(PrackError):
    """The command of the application ended by itself, with this exit status."""

    code = "command_ended"

    def __init__(self, status: int) -> None:
        super().__init__(f"the command ended by itself, with status {status}")
        self.status = status


class ConnectFailed(PrackError):
    """The gateway cannot be used now; another attempt may succeed.

    Attributes:
        retry_after: seconds to wait at least; the back-off comes on top, so that not all come at
            once.
    """

    code = "connect_failed"

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class GatewayRefused(PrackError):
    """The gateway said that another attempt will fail as well (proto/README.md, section 8)."""

    code = "gateway_refused"
