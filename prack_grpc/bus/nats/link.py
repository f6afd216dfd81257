"""A link over NATS: one end of it, without the handshake that makes it."""

import asyncio
import secrets
from collections.abc import Callable

from prack_grpc.bus.link import LinkReceiver
from prack_grpc.bus.nats.envelope import HEAD, NOBODY, NUMBERS, STAMP, Envelope, Kind, stamp
from prack_grpc.bus.nats.parcels import KIB, MOST, UNTOLD, Receiving, Sending

# Whoever asks for room waits while more than this is not yet at the other end.
ROOM = 4 * 1024 * KIB
# What was lost is asked for at most so often.
ASK_SECONDS = 0.1
FULL = f"more than {MOST // (1024 * KIB)} MiB wait: NATS is away, or the peer does not follow"


class NatsLink:
    """Implements `bus.link.Link` once it has a receiver.

    What it is told changes what is to be said, once a turn of the loop. What is posted may be lost.

    Args:
        me, peer: ids of the two gateways.
        now: seconds, on the clock of `take`.
        deliver: posts an envelope to the peer.
        post: the same of a parcel, which is packed already.
        ended: told of the end, before the receiver is.

    Attributes:
        end, theirs: the random names of this end and of the other one.
        heard_at: when the peer last said something to this end.
        waiting: whether NATS was away since then.
    """

    def __init__(
        self,
        me: str,
        peer: str,
        now: float,
        deliver: Callable[[Envelope], None],
        post: Callable[[bytes], None],
        ended: Callable[["NatsLink"], None],
    ) -> None:
        self.peer = peer
        self.end = secrets.token_bytes(8)
        self.theirs = NOBODY
        self.receiver: LinkReceiver | None = None
        self.over = False
        self.heard_at = now
        self.waiting = False
        self._me = me
        self._deliver = deliver
        self._post = post
        self._stamp = b""
        self._ended = ended
        self._sending = Sending()
        self._receiving = Receiving()
        self._asked_at = now - ASK_SECONDS
        self._owed: Kind | None = None
        self._loop = asyncio.get_running_loop()
        self._saying: asyncio.Handle | None = None
        self._room = asyncio.Event()
        self._room.set()
        self._is_full = False
        self.owe(Kind.OPEN)

    # ------------------------------------------------------------ Link

    def send(self, message: bytes) -> None:
        """See Link."""
        self._add(message)
        self._say_soon()

    def post(self, *messages: bytes) -> None:
        """See Link."""
        if len(messages) == 1 and self._owed is None and not self.over:  # nearly always
            if parcel := self._sending.alone(messages[0]):
                self._say_parcel(*parcel)
                return
        for message in messages:
            self._add(message)
        self._say()

    def _add(self, message: bytes) -> None:
        if self.over or self._sending.held > MOST:
            return
        held = self._sending.add(message)
        if held <= ROOM:
            return
        if held > MOST:
            self._loop.call_soon(self.close, FULL)  # whoever sends is in the midst of something
        else:
            self._is_full = True
            self._room.clear()

    async def room(self) -> None:
        """See Link."""
        await self._room.wait()

    def silence(self) -> float:
        """See Link."""
        return asyncio.get_running_loop().time() - self.heard_at

    def close(self, reason: str) -> None:
        """See Link."""
        if not self.over:
            self._say()
            self._deliver(self._envelope(Kind.CLOSE, self._sending.number, reason.encode()))
            self._finish(reason)

    # ------------------------------------------------------------ what the meeting says

    def owe(self, kind: Kind) -> None:
        """Say this to the peer."""
        self._owed = kind
        self._say_soon()

    def beat(self) -> None:
        """Say that this end is there."""
        self.owe(Kind.OPEN if self.receiver is None else self._owed or Kind.BEAT)

    def resume(self) -> None:
        """Go on over a new connection: ask for what was lost, and tell what was sent."""
        self.owe(Kind.OPEN if self.receiver is None else Kind.AGAIN)

    def take(self, envelope: Envelope, now: float) -> None:
        """Whatever the peer says to this end, but OPEN."""
        self.heard_at = now
        self.waiting = False
        if envelope.kind is Kind.CLOSE:
            self._finish(envelope.data.decode(errors="replace"))
            return
        if envelope.kind is Kind.AGAIN:
            self._sending.received(envelope.received)
            self._sending.again()
        data = envelope.data if envelope.kind is Kind.DATA else b""
        self._told(envelope.number, envelope.received, data, now)

    def take_parcel(self, message: bytes, now: float) -> None:
        """The same of DATA, with its head, once the link is up."""
        self.heard_at = now
        self.waiting = False
        number, received = NUMBERS.unpack_from(message, STAMP.size)
        self._told(number, received, message[HEAD.size :], now)

    def _told(self, number: int, received: int, data: bytes, now: float) -> None:
        """That the peer has sent up to this number, of which this is the data, and has so much."""
        self._sending.received(received)
        if self._is_full and self._sending.held <= ROOM:
            self._is_full = False
            self._room.set()
        if data:
            self._receive(number, data)
        if self._receiving.number < number and now - self._asked_at >= ASK_SECONDS:
            self._asked_at = now
            self._owed = Kind.AGAIN
        elif self._receiving.untold >= UNTOLD:
            self._owed = self._owed or Kind.BEAT
        if self._owed is not None or self._sending.ready:
            self._say_soon()

    def _receive(self, number: int, data: bytes) -> None:
        try:
            for message in self._receiving.parcel(number, data):
                if self.over or self.receiver is None:
                    break
                self.receiver.received(message)
        except ValueError as error:
            self.close(f"the peer does not keep the rules: {error}")

    def _finish(self, reason: str) -> None:
        if self.over:
            return
        self.over = True
        self._room.set()
        self._ended(self)
        if self.receiver is not None:
            self.receiver.ended(reason)

    # ------------------------------------------------------------ what it says

    def _say_soon(self) -> None:
        if self._saying is None and not self.over:
            self._saying = self._loop.call_soon(self._say)

    def _say(self) -> None:
        """What there is to say."""
        if self._saying is not None:
            self._saying.cancel()
            self._saying = None
        if self.over:
            return
        if self._owed is not None:
            kind, self._owed = self._owed, None
            self._deliver(self._envelope(kind, self._sending.number))
        while parcel := self._sending.next():
            self._say_parcel(*parcel)

    def _say_parcel(self, number: int, data: bytes) -> None:
        numbers = NUMBERS.pack(number, self._receiving.told())
        self._post((self._stamp or self._first_stamp()) + numbers + data)

    def _first_stamp(self) -> bytes:
        """Of all parcels: nothing is sent before the peer's end is known."""
        self._stamp = stamp(self._me, self.end, self.theirs)
        return self._stamp

    def _envelope(self, kind: Kind, number: int, data: bytes = b"") -> Envelope:
        received = self._receiving.told()
        return Envelope(kind, self._me, self.end, self.theirs, number, received, data)
