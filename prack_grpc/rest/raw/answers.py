"""Answers as uploads: `application/http` messages, or plain bodies beside `Prack-` headers.

House rules: an answer is passed on as it comes in and never kept; the worker is read from only as
fast as the client reads; an upload that breaks off never looks complete to the client.
"""

import asyncio
import re
from typing import Any

from starlette.types import Receive

from prack_grpc.core.errors import BadResponse
from prack_grpc.core.http.fields import BODILESS
from prack_grpc.core.http.message import Headers
from prack_grpc.core.limits import MAX_HEAD
from prack_grpc.private import bodies
from prack_grpc.private.bodies import Coming, Whole
from prack_grpc.private.errors import STALLED, ApiError
from prack_grpc.rest.raw.writer import Writer

MESSAGE = b"application/http"
FIELD = b"prack-header-"
# Shells end lines with a bare LF; RFC 9112 section 2.2 lets us read them.
HEAD_END = re.compile(rb"\r?\n\r?\n")
LINE_END = re.compile(rb"\r?\n")
STATUS_LINE = re.compile(rb"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: .*)?")
EXPECTED = "expected a status line such as HTTP/1.1 200 OK, fields and an empty line"
# Statuses whose body is dropped (RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5).
NO_BODY = BODILESS | {205}


class Uploaded:
    """One answer on its way from the worker's upload to the client."""

    def __init__(self, writer: Writer, receive: Receive) -> None:
        self._writer = writer
        self._receive = receive
        self.complete = isinstance(receive, Whole)  # all of the upload was read
        self._read = receive.take() if isinstance(receive, Whole) else b""

    async def run(self, fields: Headers) -> None:
        """Pass the answer on; `fields` are those of the upload. Raises ApiError or Gone."""
        values = dict(fields)
        length = values.get(b"content-length", b"")
        # Of a head that does not say how long its body is, the upload does.
        size = int(length) if length and b"transfer-encoding" not in values else -1
        media = values.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if isinstance(self._receive, Coming):
            if size > 0 or media == MESSAGE:  # else the head does not wait for the body
                await self._begin(self._receive)
            if not self.complete:
                await asyncio.sleep(0)  # what follows needs a task
        try:
            rest = await (self._message(size) if media == MESSAGE else self._plain(fields, size))
        except BadResponse as error:
            raise self._writer.refuse(error) from None
        if rest is None:
            return
        await self._writer.push(rest)
        while not self.complete:
            await self._writer.turn()
            await self._writer.push(await self._piece())
        self._writer.finish()

    # ------------------------------------------------------------ heads

    async def _plain(self, fields: Headers, size: int) -> bytes | None:
        status = dict(fields).get(b"prack-status", b"200")
        if not re.fullmatch(rb"[2-5][0-9]{2}", status):
            raise BadResponse("status", "must be a number from 200 to 599")
        start = len(FIELD)
        headers = [(name[start:], value) for name, value in fields if name.startswith(FIELD)]
        if size > 0 and not (self.complete or self._read):
            self._read = await self._piece()  # a small body goes with its head
        return self._head(int(status), headers, self._read, size)

    async def _message(self, size: int) -> bytes | None:
        """Pass on the heads of a message, the interim ones too. Returns what follows them."""
        data = self._read
        while True:
            block, data, read = await self._block(data)
            status, headers = _parsed(block)
            size -= read if size >= 0 else 0
            if not 102 <= status < 200:
                return self._head(status, headers, data, size)
            self._writer.head(status, headers)

    async def _block(self, data: bytes) -> tuple[bytes, bytes, int]:
        """The bytes before the empty line, those after it, and where these begin."""
        searched = 0
        while not (found := HEAD_END.search(data, searched)):
            if len(data) > MAX_HEAD:
                raise BadResponse("headers", f"the head is larger than {MAX_HEAD} bytes")
            if self.complete:
                raise BadResponse("status", EXPECTED)
            searched = max(0, len(data) - 3)
            data += await self._piece()
        return data[: found.start()], data[found.end() :], found.end()

    def _head(self, status: int, headers: Headers, rest: bytes, size: int) -> bytes | None:
        """Returns the body that came with the head and is to be passed on, None if nothing is."""
        asked_head = self._writer.assignment.request.method == b"HEAD"
        lengths = [value for name, value in headers if name.lower() == b"content-length"]
        # An empty answer to HEAD says nothing about the length that GET would have.
        if not lengths and status not in BODILESS and size >= (1 if asked_head else 0):
            headers = [*headers, (b"content-length", b"%d" % size)]
        if asked_head or status in NO_BODY:
            self._writer.head(status, headers, b"", True)
            return None
        if self.complete and lengths in ([], [b"%d" % len(rest)]):
            self._writer.head(status, headers, rest, True)
            return None
        self._writer.head(status, headers)
        return rest

    # ------------------------------------------------------------ the upload

    async def _begin(self, coming: Coming) -> None:
        """Wait for the first piece in no task; mostly it is all."""
        self._writer.listen(coming.stop)
        try:
            message = await coming.next()
        except TimeoutError:
            message = None
        finally:
            self._writer.forget(coming.stop)
        self._read = self._taken(message)

    async def _piece(self) -> bytes:
        """The next piece of the upload, and whether it is the last one."""
        return self._taken(await self._next())

    def _taken(self, message: Any) -> bytes:
        """The piece that came with this; None if nothing came in time."""
        if not self._writer.open:
            raise self._writer.ended()
        if message is None:
            self._writer.abandon("the upload of the answer stalled")
            raise ApiError(STALLED, f"no data came for {bodies.STALL:.0f} s; the lease is closed")
        if message["type"] == "http.disconnect":
            self._writer.abandon("the upload of the answer broke off")
            raise bodies.Gone
        self.complete = not message.get("more_body", False)
        data: bytes = message.get("body", b"")
        return data

    async def _next(self) -> Any:
        """What the server says next; None when it says nothing, or the client has left."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(bodies.STALL) as wait:

                def look() -> None:
                    if not (self._writer.open or wait.expired()):
                        wait.reschedule(loop.time())

                with self._writer.calling(look):
                    return await self._receive()
        except TimeoutError:
            return None


def _parsed(block: bytes) -> tuple[int, Headers]:
    """Status and fields of a head. Raises BadResponse."""
    first, *lines = LINE_END.split(block)
    match = STATUS_LINE.fullmatch(first)
    if not match:
        raise BadResponse("status", EXPECTED)
    headers: Headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon:
            raise BadResponse("headers", f"{line[:64]!r} is not a valid header field")
        headers.append((name, value))
    return int(match[1]), headers
