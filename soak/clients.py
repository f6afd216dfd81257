"""The clients: one request each, over connections that are kept or not, as real ones are.

As curl does, a client sends a request once more if a kept connection ends before a byte of the
response: the server has closed it while it was idle. The checks find out if it had not.
"""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from soak.orders import Order
from soak.outcomes import Outcome, Result
from tests.support.client import Cut, RawClient, Response

HANG_SECONDS = 120.0
IDLE_SECONDS = 5.0  # the gateway closes idle connections after 15 s


class Connection(RawClient):
    """One connection; between two requests it watches for what must not come."""

    seconds = HANG_SECONDS

    def rest(self) -> None:
        """It is idle from now on."""
        self.idle_since = monotonic()
        self._watch = asyncio.create_task(self.reader.read(1))

    async def wake(self) -> bytes | None:
        """What came while it was idle: nothing is None, b"" the end of the connection."""
        self._watch.cancel()
        await asyncio.wait([self._watch])
        if self._watch.cancelled():
            return None
        return b"" if self._watch.exception() else self._watch.result()

    def leave(self) -> None:
        """Close it at once."""
        with suppress(OSError):  # it may be closed already
            self.reset()

    async def say(self, order: Order) -> None:
        """Send the request. What goes wrong shows when its response is read."""
        fields = [b"connection: close"] if order.alone else []
        if order.keyed:
            fields.append(b"idempotency-key: %b" % order.nonce.encode())
        if order.bad:
            fields.append(b"content_length: 1")  # could be taken for another field
        if order.length is None:
            fields.append(b"transfer-encoding: chunked")
        elif order.parts:
            fields.append(b"content-length: %d" % order.length)
        with suppress(ConnectionError):
            await self.get(order.target.encode(), *fields, method=order.method.encode())
            for part in order.upload():
                await self._part(part, order.every)
            if order.length is None:
                await self.send(b"0\r\n\r\n")

    async def _part(self, data: bytes, pause: float) -> None:
        if pause and data:
            await asyncio.sleep(pause)
            data = b"%x\r\n%b\r\n" % (len(data), data)
        await self.send(data)

    async def listen(self, outcome: Outcome) -> Response | None:
        """The response, None if there is no whole one."""
        try:
            response = await self.head()
            outcome.head, outcome.status = monotonic(), response.status
            await asyncio.sleep(outcome.order.stall)
            await self.body(response)
        except Cut:
            outcome.result = Result.BROKEN if outcome.head is None else Result.CUT
            return None
        except TimeoutError:
            outcome.result = Result.HUNG
            return None
        outcome.answered(response)
        return response


class Clients:
    """All clients, of the gateways at these ports in turn.

    `strays` are bytes that no request had asked for.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = ports
        self._turns = itertools.cycle(range(len(ports)))
        self._idle: list[list[Connection]] = [[] for _ in ports]
        self.outcomes: list[Outcome] = []
        self.strays: list[bytes] = []

    async def serve(self, order: Order) -> None:
        """Send a request, and write down what becomes of it."""
        outcome = self._begin(order)
        perform = self._socket if order.messages else self._request
        try:
            async with asyncio.timeout(order.leaves):
                await perform(outcome)
        except TimeoutError:
            outcome.result = Result.LEFT
        outcome.ended = monotonic()

    async def pipeline(self, orders: Sequence[Order]) -> None:
        """Send these at once on one connection; what it leaves open is sent again, one by one."""
        outcomes = [self._begin(order) for order in orders]
        if connection := await self._open(outcomes[0]):
            for outcome in outcomes:
                outcome.sends += 1
                await connection.say(outcome.order)
            for outcome in outcomes:
                if await connection.listen(outcome) is None:
                    break
                outcome.ended = monotonic()
            connection.leave()
        for outcome in outcomes:
            if outcome.result in (Result.OPEN, Result.BROKEN):
                await self._request(outcome)
            outcome.ended = outcome.ended or monotonic()

    async def close(self) -> None:
        """Close what is idle."""
        for idle in self._idle:
            for connection in idle:
                await self._is_open(connection)
                await connection.close()
            idle.clear()

    def _begin(self, order: Order) -> Outcome:
        outcome = Outcome(order, monotonic(), gateway=next(self._turns))
        self.outcomes.append(outcome)
        return outcome

    # ------------------------------------------------------------ HTTP

    async def _request(self, outcome: Outcome) -> None:
        connection = None if outcome.order.alone else await self._kept(outcome.gateway)
        if connection is not None:
            await self._ask(connection, outcome)
            if outcome.result is not Result.BROKEN:
                return
        if (connection := await self._open(outcome)) is not None:
            await self._ask(connection, outcome)

    async def _ask(self, connection: Connection, outcome: Outcome) -> None:
        outcome.sends += 1
        saying = asyncio.create_task(connection.say(outcome.order))
        kept = False
        try:
            response = await connection.listen(outcome)
            if response and response.header(b"connection") == b"close":
                await self._end(connection, outcome)
            else:
                kept = response is not None and saying.done()
        finally:
            saying.cancel()
            if kept:
                connection.rest()
                self._idle[outcome.gateway].append(connection)
            else:
                connection.leave()

    async def _end(self, connection: Connection, outcome: Outcome) -> None:
        """The gateway said that it closes this connection."""
        try:
            if not await connection.closed():
                self.strays.append(b"after the last response")
        except TimeoutError:
            outcome.result = Result.HUNG

    async def _open(self, outcome: Outcome) -> Connection | None:
        try:
            return await Connection.connect(self._ports[outcome.gateway])
        except OSError as error:
            outcome.result, outcome.code = Result.BROKEN, str(error)
            return None

    async def _kept(self, gateway: int) -> Connection | None:
        """A connection that was used before, and is still open."""
        while self._idle[gateway]:
            connection = self._idle[gateway].pop()
            fresh = monotonic() - connection.idle_since < IDLE_SECONDS
            if await self._is_open(connection) and fresh:
                return connection
            await connection.close()
        return None

    async def _is_open(self, connection: Connection) -> bool:
        found = await connection.wake()
        if found:
            self.strays.append(found)
        return found is None

    # ------------------------------------------------------------ WebSockets

    async def _socket(self, outcome: Outcome) -> None:
        url = f"ws://127.0.0.1:{self._ports[outcome.gateway]}{outcome.order.target}"
        outcome.sends += 1
        try:
            async with asyncio.timeout(HANG_SECONDS):
                async with connect(url, proxy=None, open_timeout=None, ping_interval=None) as it:
                    outcome.head = monotonic()
                    await _talk(it, outcome)
        except InvalidStatus as error:
            _refused(outcome, error)
        except ConnectionClosed as error:
            outcome.result = Result.CLOSED if error.rcvd else Result.CUT
            outcome.status = error.rcvd.code if error.rcvd else 0
        except TimeoutError:
            outcome.result = Result.HUNG
        except (InvalidHandshake, OSError, EOFError) as error:
            outcome.result, outcome.code = Result.BROKEN, str(error)


def _refused(outcome: Outcome, error: InvalidStatus) -> None:
    response = error.response
    fields = [(name.lower().encode(), value.encode()) for name, value in response.headers.items()]
    outcome.status = response.status_code
    outcome.answered(Response(outcome.status, fields, bytes(response.body or b"")))


async def _talk(socket: ClientConnection, outcome: Outcome) -> None:
    order, right = outcome.order, True
    for number in range(order.messages):
        await socket.send(str(number))
        right &= await socket.recv() == f"{order.nonce} {number}"
        await asyncio.sleep(order.every)
    outcome.result, outcome.status, outcome.right = Result.ANSWERED, 200, right
