"""A stream of messages as numbered parcels, so that each arrives once and in order.

Core NATS delivers at most once: what is on its way when a server or a connection dies is gone.
So parcels are kept until the other end has them, and sent again from the first that it lacks. They
are parts of a stream of bytes: small messages share one, and large ones take several. No I/O.
"""

from collections.abc import Iterable

from prack_wire.frames import LENGTH, Deframer

KIB = 1024
PARCEL = 64 * KIB
# What may be on its way over one link: NATS servers and clients drop what they cannot hold.
WINDOW = 2 * 1024 * KIB
# What may wait for a peer that does not follow, or for NATS.
MOST = 16 * 1024 * KIB
# The other end is told of so many bytes at the latest.
UNTOLD = WINDOW // 8


class Sending:
    """What is sent over a link and not yet there. Numbers begin with 1."""

    def __init__(self) -> None:
        self.number = 0  # of the last parcel that was made
        self.held = 0  # bytes
        self._unsent = bytearray()
        self._kept: dict[int, bytes] = {}
        self._kept_bytes = 0
        self._first = self._next = 1  # of those that are kept, and to be sent

    def add(self, message: bytes) -> int:
        """Send it after all before it. Returns how many bytes are held now."""
        size = len(message)
        self._unsent += LENGTH.pack(size) + message
        self.held += LENGTH.size + size
        return self.held

    def alone(self, message: bytes) -> tuple[int, bytes] | None:
        """A parcel of this message, to be sent at once; None if others go before, or it is large.

        The same as `add` and then `next`, which take longer.
        """
        size = LENGTH.size + len(message)
        if self._next <= self.number or self._unsent or self._kept_bytes >= WINDOW or size > PARCEL:
            return None
        data = LENGTH.pack(len(message)) + message
        self.number = number = self._next
        self._next = number + 1
        self._kept[number] = data
        self._kept_bytes += size
        self.held += size
        return number, data

    @property
    def ready(self) -> bool:
        """Whether there is a parcel to send now."""
        return self._next <= self.number or (bool(self._unsent) and self._kept_bytes < WINDOW)

    def next(self) -> tuple[int, bytes] | None:
        """The parcel to send now, with its number; None if there is none, or the window is full."""
        number = self._next
        if number > self.number:
            if not self._unsent or self._kept_bytes >= WINDOW:
                return None
            self._make()
        self._next = number + 1
        return number, self._kept[number]

    def _make(self) -> None:
        if len(self._unsent) <= PARCEL:
            data = bytes(self._unsent)
            self._unsent.clear()
        else:
            data = bytes(self._unsent[:PARCEL])
            del self._unsent[:PARCEL]
        self.number += 1
        self._kept[self.number] = data
        self._kept_bytes += len(data)

    def received(self, number: int) -> None:
        """The other end has all parcels up to this one."""
        last = number if number < self.number else self.number
        while self._first <= last:
            size = len(self._kept.pop(self._first))
            self._kept_bytes -= size
            self.held -= size
            self._first += 1
        if self._next < self._first:
            self._next = self._first

    def again(self) -> None:
        """Send all again that the other end is not known to have."""
        self._next = self._first


class Receiving:
    """What comes over a link."""

    def __init__(self) -> None:
        self.number = 0  # of the last parcel that came in order
        self.untold = 0  # bytes that the other end does not know to be here
        self._incoming = Deframer(MOST)

    def parcel(self, number: int, data: bytes) -> Iterable[bytes]:
        """The messages that are complete with this parcel; none if it is not the next one.

        Raises ValueError if no gateway sends such.
        """
        if number != self.number + 1:
            return ()
        self.number = number
        self.untold += len(data)
        return self._incoming.each(data)

    def told(self) -> int:
        """The number to tell the other end, which then knows."""
        self.untold = 0
        return self.number
