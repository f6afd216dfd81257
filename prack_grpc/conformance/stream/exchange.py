"""What a worker has said of one request, and the rules of each such event."""

import re
import time
from collections.abc import Sequence

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken

TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
MAX_FIELDS, MAX_HEAD = 100, 64 * 1024
BODILESS = (204, 205, 304)


class Exchange:
    """One request on a stream.

    Attributes:
        limit: offset up to which the worker may send, `granted`: up to which we may.
        reads: we take the response as it comes, and say so in windows.
        chunks: sizes of the Data that came; `began`, `came`: when we sent the request, and when
            each event came, in seconds.
    """

    def __init__(self, request: pb.Request, limit: int, granted: int, reads: bool) -> None:
        self.request = request
        self.id = request.id
        self.limit = limit
        self.granted = 0 if request.expect_continue else granted
        self.sent = len(request.body)
        self.reads = reads
        self.hints: list[pb.ResponseHead] = []
        self.head: pb.ResponseHead | None = None
        self.body = bytearray()
        self.chunks: list[int] = []
        self.windows: list[int] = []
        self.finish: pb.Finish | None = None
        self.abort: pb.Abort | None = None
        self.cancelled = False
        self.began = time.monotonic()
        self.came: list[float] = []

    def __str__(self) -> str:
        name = f"{self.request.method.decode()} {self.request.target.decode('latin-1')}"
        return f"{name} (id {self.id}: {self._progress()})"

    def _progress(self) -> str:
        if self.abort is not None:
            return f"Abort {pb.AbortCode.Name(self.abort.code)} {self.abort.message!r}"
        if self.head is None:
            return "no head"
        end = "ended" if self.done else "not ended"
        return f"status {self.head.status}, {len(self.body)} body bytes, {end}"

    @property
    def done(self) -> bool:
        """The worker has ended it."""
        return self.finish is not None or self.abort is not None

    @property
    def status(self) -> int:
        """Of the final head, 0 without one."""
        return self.head.status if self.head else 0

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The response's."""
        return pairs(self.head.headers) if self.head else []

    # ---------------------------------------------------------------- events

    def on_head(self, head: pb.ResponseHead) -> None:
        """Raises Broken."""
        self._open("a head")
        well_formed(head.headers)
        if 102 <= head.status <= 199:
            if head.body or head.end or self.head is not None:
                raise Broken("4.9", f"a head with status {head.status} that ends, or comes late")
            self.hints.append(head)
            return
        if self.head is not None:
            raise Broken("4.8", f"a second final head for {self}")
        accepts = head.status == 101 and self.request.upgrade != pb.UPGRADE_UNSPECIFIED
        if not (accepts or 200 <= head.status <= 599):
            raise Broken("4.5", f"the status {head.status}")
        self.head = head
        self._more(head.body)
        if head.end:
            self.on_finish(pb.Finish(id=self.id))

    def on_data(self, data: bytes, most: int) -> None:
        """Raises Broken."""
        self._open("Data")
        if self.head is None:
            raise Broken("4.8", f"Data before the head of {self}")
        if len(data) > most:
            raise Broken("5.3", f"a Data of {len(data)} bytes; max_chunk_bytes is {most}")
        self.chunks.append(len(data))
        self._more(data)

    def on_finish(self, finish: pb.Finish) -> None:
        """Raises Broken."""
        self._open("Finish")
        if self.head is None:
            raise Broken("4.8", f"Finish before the head of {self}")
        well_formed(finish.trailers)
        if not self.cancelled:
            self._check_body()
        self.finish = finish

    def on_abort(self, abort: pb.Abort) -> None:
        """Raises Broken."""
        self._open("Abort")
        self.abort = abort

    def on_window(self, offset: int) -> None:
        """Raises Broken."""
        if self.windows and offset < self.windows[-1]:
            raise Broken("5.1", f"max_offset went from {self.windows[-1]} to {offset}")
        self.windows.append(offset)
        self.granted = max(self.granted, offset)

    def _open(self, event: str) -> None:
        self.came.append(time.monotonic())
        if self.done:
            raise Broken("4.8", f"{event} after the end of {self}")

    def _more(self, data: bytes) -> None:
        self.body += data
        if len(self.body) > self.limit:
            seen = f"{len(self.body)} body bytes; the window ends at {self.limit}"
            raise Broken("5.1", f"{seen}: {self}")

    def _check_body(self) -> None:
        lengths = [value for name, value in self.fields() if name == b"content-length"]
        bodiless = self.request.method == b"HEAD" or self.status in BODILESS
        if bodiless and self.body:
            raise Broken("4.12", f"{len(self.body)} body bytes for {self}, which has no body")
        if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
            raise Broken("4.5", f"the Content-Length {lengths}")
        streamed = not (self.head and self.head.end)
        if lengths and streamed and not bodiless and int(lengths[0]) != len(self.body):
            raise Broken("4.5", f"Content-Length {int(lengths[0])} and {len(self.body)} body bytes")


def pairs(flat: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    """Fields of a flat list (4.4)."""
    return list(zip(flat[::2], flat[1::2], strict=True))


def well_formed(flat: Sequence[bytes]) -> None:
    """Check fields. Raises Broken."""
    if len(flat) % 2:
        raise Broken("4.4", f"{len(flat)} entries in headers, which are names and values in turn")
    if len(flat) > 2 * MAX_FIELDS or sum(map(len, flat)) > MAX_HEAD:
        raise Broken("4.5", f"a head of {len(flat) // 2} fields and {sum(map(len, flat))} bytes")
    for name, value in pairs(flat):
        if name != name.lower():
            raise Broken("4.4", f"the name {name!r}, which is not in lower case")
        if not TOKEN.fullmatch(name):
            raise Broken("4.5", f"the name {name!r}, which is no token")
        if any(byte in value for byte in b"\r\n\0"):
            raise Broken("4.5", f"CR, LF or NUL in the value of {name!r}")
