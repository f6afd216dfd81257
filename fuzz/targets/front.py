"""What clients send: the first byte is the size of the pieces in which the rest comes, 0 for whole.

Whatever it is: answers are valid HTTP, none is a mistake of ours, nothing of it stays in the
gateway, and how it was cut changes nothing. What reaches a worker is what h11 reads as well.
"""

import re

import h11

from fuzz.clock import Found, run
from fuzz.gateway import Gateway, Worker
from fuzz.responses import Reader, Response
from fuzz.wire import Wire, pieces
from fuzz.witness import watching

# Method, target and body of a request.
Seen = list[tuple[bytes, bytes, bytes]]
REFUSED = 400
# RFC 9112 section 3.2.2: the same without scheme and authority goes on to the worker.
ABSOLUTE = re.compile(rb"https?://[^/?#]*", re.IGNORECASE)


def one(data: bytes) -> None:
    """See the module."""
    size, data = data[0] if data else 0, data[1:]
    compare(data, held(Talk, data, size).seen)


class Talk:
    """One connection, from its beginning to its end."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data = data
        self._size = size
        self.seen: Seen = []
        self.clients: set[tuple[str, int]] = set()
        self.statuses: list[object] = []

    async def open(self, gateway: Gateway, wire: Wire) -> None:
        """Connect."""
        await wire.connect(gateway.client)

    async def hold(self) -> None:
        """Say it, and look what came of it."""
        gateway = Gateway()
        worker, wire = Worker(gateway.streams), Wire()
        await self.open(gateway, wire)
        await wire.say(pieces(self._data, self._size))
        requests = list(worker.requests.values())
        self.clients = {(one.client.ip, one.client.port) for one in requests}
        self.seen = [(one.method, one.target, one.body) for one in requests if one.end]
        await wire.wait()
        await wire.leave()
        head = b"HEAD " in self._data
        responses = Reader(wire.received, wire.ended, head).all()
        # Which mistake is found first depends on what was there to be looked at.
        self.statuses = [min(one.status, REFUSED) for one in responses]
        _check(responses)
        if not wire.ended:
            raise Found("a connection that never ends")
        if gateway.broker.tickets:
            raise Found("a request that stays when its client has gone")


def held(kind: type[Talk], data: bytes, size: int) -> Talk:
    """What was said as a whole, after it was said in pieces of this size as well."""
    whole, cut = kind(data, 0), kind(data, size)
    for talk in (whole, cut) if size else (whole,):
        with watching():
            run(talk.hold())
    if size:
        _same("what the worker saw", whole.seen, cut.seen)
        _same("statuses", whole.statuses, cut.statuses)
    return whole


def _check(responses: list[Response]) -> None:
    for one in responses:
        if one.status == 500:
            raise Found(f"an error of ours: {one.body!r}")
        if not one.complete:
            raise Found(f"a response that was cut: {one}")


def _same(what: str, whole: "list[object] | Seen", cut: "list[object] | Seen") -> None:
    """One may have come further, as it is refused later; but that is all."""
    if any(a != b for a, b in zip(whole, cut, strict=False)):
        raise Found(f"in pieces, {what} differ: {whole} and {cut}")


def compare(data: bytes, seen: Seen) -> None:
    """What two servers read differently can be smuggled past one of them."""
    for ours, other in zip(seen, _by_h11(data), strict=False):
        if ours != other:
            raise Found(f"the worker saw {ours}, h11 sees {other}")


def _by_h11(data: bytes) -> Seen:
    """The complete requests before the first that h11 does not take."""
    server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    server.receive_data(data)
    seen: Seen = []
    try:
        while isinstance(request := server.next_event(), h11.Request):
            body = b""
            while isinstance(event := server.next_event(), h11.Data):
                body += event.data
            if not isinstance(event, h11.EndOfMessage):
                break
            seen.append((request.method, _origin(request.target), body))
            server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
            server.send(h11.EndOfMessage())
            server.start_next_cycle()
    except h11.ProtocolError:
        pass
    return seen


def _origin(target: bytes) -> bytes:
    path = ABSOLUTE.sub(b"", target, count=1)
    return path if path.startswith((b"/", b"*")) else b"/" + path
