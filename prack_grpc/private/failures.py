"""Wrong credentials: counted by address, and slowed down.

House rules: what is right is never slowed, whoever else fails from the same address; what waits and
what is remembered is bounded.
"""

import asyncio
import ipaddress
import logging
from collections import OrderedDict

from prack_grpc.telemetry.complaint import Complaint

log = logging.getLogger(__name__)

FREE = 5  # failures of a minute that are answered at once: somebody has mistyped
MINUTE = 60.0
DELAY = 1.0  # seconds
MAX_WAITING = 200
MAX_ADDRESSES = 10_000


class Failures:
    """Of all private ports of this gateway."""

    def __init__(self) -> None:
        # When its minute began, and how many there were since.
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._waiting = 0
        text = "refused calls with credentials that are not valid"
        self._complaint = Complaint(log, "credentials_refused", text, most=10)

    async def fail(self, address: str) -> bool:
        """One more; returns when that may be told. False if too many wait for that."""
        count = self._count(_network(address), asyncio.get_running_loop().time())
        self._complaint.make(client=address, failures=count)
        if count <= FREE:
            return True
        if self._waiting >= MAX_WAITING:
            return False
        self._waiting += 1
        try:
            await asyncio.sleep(DELAY)
        finally:
            self._waiting -= 1
        return True

    def _count(self, network: str, now: float) -> int:
        since, count = self._known.pop(network, (now, 0))
        if now - since >= MINUTE:
            since, count = now, 0
        self._known[network] = since, count + 1
        if len(self._known) > MAX_ADDRESSES:
            self._known.popitem(last=False)
        return count + 1


def _network(address: str) -> str:
    """Whoever has an address of IPv6 has all of its /64."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 4:
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((int(ip), 64), strict=False))
