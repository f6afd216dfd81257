"""Where requests are limited by rate."""

import time

from prack_grpc.core.http.message import Request
from prack_grpc.core.rates import RateLimits


class ClientRates:
    """Asks the limits for the client that a request counts for, if there is one."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    def ask(self, request: Request) -> None:
        """Count this request. Raises GatewayError if its client has sent too many."""
        if request.counts_for:
            self._limits.ask(request.counts_for, request, time.monotonic())
