"""What is here of requests before a worker takes them, and whose it is."""

from collections import Counter

from prack_grpc.core.exchange.exchange import Exchange
from prack_grpc.core.limits import KIB

# Of smaller requests there are never enough to fill a queue.
LARGE = 8 * KIB


class Bodies:
    """So many bytes are here, of each exchange and of each client.

    A client may have its share of what the others leave of it: alone that part, two of them with
    half a third each, and some is always left for the next. Who counts for nobody has no such
    bound. What is not `above` so many bytes counts for nothing.
    """

    __slots__ = ("_above", "_clients", "_most", "_share", "_sizes", "bytes", "left")

    def __init__(self, most: int, share: float, above: int = 0) -> None:
        self._most = most
        self._share = share
        self._above = above
        self._sizes: dict[Exchange, int] = {}
        self._clients: Counter[str] = Counter()
        self.bytes = 0
        self.left = 0  # how often some have gone: there may be room since

    def add(self, exchange: Exchange, size: int) -> None:
        """So many bytes more are here of this exchange."""
        if size <= self._above:
            return
        self._sizes[exchange] = self._sizes.get(exchange, 0) + size
        self._clients[exchange.request.counts_for] += size
        self.bytes += size

    def discard(self, exchange: Exchange) -> None:
        """What is here of this exchange, if there is any, is not of these any more."""
        size, client = self._sizes.pop(exchange, 0), exchange.request.counts_for
        if not size:
            return
        self.bytes -= size
        self.left += 1
        self._clients[client] -= size
        if not self._clients[client]:
            del self._clients[client]

    def room(self, client: str) -> int:
        """Bytes that may come of this client now, if above 0."""
        room = self._most - self.bytes
        if not client:
            return room
        own = self._clients[client]
        return int((room + own) * self._share) - own

    def takes(self, client: str, size: int) -> bool:
        """So much may come of this client now; one that has nothing here needs no share."""
        if size <= self._above:
            return True
        own = bool(client) and self._clients[client] > 0
        return size <= (self.room(client) if own else self._most - self.bytes)
