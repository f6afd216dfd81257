"""Who is counted as one client where requests are limited by rate."""

import time
from collections.abc import Callable

from prack_grpc.core.http.message import Request
from prack_grpc.core.rates import RateLimits
from prack_grpc.gateway.request.addresses import UNKNOWN, client_of


class ClientRates:
    """Asks the limits for the client that a request comes from; not for those who are `exempt`.

    Behind a trusted proxy that is the client that the proxy names.
    """

    def __init__(self, limits: RateLimits, exempt: Callable[[str], bool]) -> None:
        self._limits = limits
        self._exempt = exempt

    def ask(self, request: Request) -> None:
        """Count this request. Raises GatewayError if its client has sent too many."""
        address = request.client[0]
        # All that come over a UNIX socket would be one client.
        if address != UNKNOWN.address and not self._exempt(address):
            self._limits.ask(client_of(address), request, time.monotonic())
