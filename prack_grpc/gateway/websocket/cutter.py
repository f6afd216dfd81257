"""Where the frames begin in what a client sends (RFC 6455 section 5.2).

The library parses whatever it is given, and a read of 256 KiB may be 40,000 frames: so it is given
a few at a time.
"""

LONGEST_HEAD = 14  # two bytes, eight of length, four of the mask
OPCODE = 0x0F  # 0 goes on with a message
CONTROL = 0x08  # opcodes with this bit are close, ping and pong
LENGTHS = {126: 2, 127: 8}
DEFLATED = 0x40  # RSV1 of a message's first frame (RFC 7692 section 6)


class Cutter:
    """Follows the frames of one connection.

    `budget` is how many may still begin; `empty` how many have carried nothing: control frames, and
    those without data.
    """

    __slots__ = ("_deflated", "_head", "_left", "budget", "empty")

    def __init__(self) -> None:
        self._deflated = False  # the message that has begun last
        self._head = b""  # of a frame whose head is not complete
        self._left = 0  # bytes that are missing of the last frame
        self.budget = 0
        self.empty = 0

    def cut(self, data: bytes) -> int:
        """How many of these bytes may be parsed; what is behind them comes again.

        A compressed frame with data ends them: nobody knows how much it is.
        """
        at = 0
        while at < len(data):
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                if self._deflated and not self._left:
                    break
            elif self._head or self.budget > 0:
                at += self._begin(data[at : at + LONGEST_HEAD])
            else:
                break
        return at

    def _begin(self, data: bytes) -> int:
        """A frame begins, or its head goes on. Returns how many of these bytes are head."""
        if not self._head:
            self.budget -= 1
        head = self._head + data
        size = _head_size(head)
        if len(head) < size:
            self._head = head
            return len(data)
        used, self._head = size - len(self._head), b""
        self._left = _length(head)
        self.empty += not self._left or bool(head[0] & CONTROL)
        if head[0] & OPCODE and not head[0] & CONTROL:
            self._deflated = bool(head[0] & DEFLATED)
        return used


def _head_size(head: bytes) -> int:
    if len(head) < 2:
        return 2
    mask = 4 if head[1] & 0x80 else 0
    return 2 + LENGTHS.get(head[1] & 0x7F, 0) + mask


def _length(head: bytes) -> int:
    more = LENGTHS.get(head[1] & 0x7F, 0)
    return int.from_bytes(head[2 : 2 + more]) if more else head[1] & 0x7F
