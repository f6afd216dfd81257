"""Bodies of workers' requests: read within a limit, then parsed strictly (RFC 8259)."""

import asyncio
import json
import re
from typing import Any, NoReturn

from starlette.types import Message, Receive

from prack_grpc.core.limits import KIB, MIB
from prack_grpc.private.eager import Connection, Pause, Upload
from prack_grpc.private.errors import BAD_JSON, STALLED, TOO_LARGE, ApiError

# Room for an answer with a body of 48 MiB, which base64 makes a third larger.
MAX_BODY = 64 * MIB
# What is longer is parsed in a thread. Only objects let others in meanwhile, so there is a bound of
# values, which is what 1,000 answers of 100 headers have.
LONG, VALUES, SIGNS = 64 * KIB, 300_000, (b",", b"[", b"{")
# How long a body may stand still between two pieces, in seconds.
STALL = 30.0
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Gone(Exception):
    """The worker has closed its connection; nobody reads an answer."""


class TooLarge(ApiError):
    """The body is larger than `most` bytes; `start` is what was read of it."""

    def __init__(self, start: bytes, most: int) -> None:
        super().__init__(TOO_LARGE, f"the body is larger than {most} bytes")
        self.start = start


class Whole:
    """Receives, as ASGI does, a body that is here already, and then that its sender leaves."""

    __slots__ = ("_body", "_connection", "_left")

    def __init__(self, body: bytes, connection: Connection) -> None:
        self._body: bytes | None = body
        self._connection = connection
        self._left: asyncio.Future[None] | None = None

    def take(self) -> bytes:
        """All of it, in a plain call."""
        body, self._body = self._body, None
        return body or b""

    async def __call__(self) -> Message:
        """The next event."""
        if self._body is not None:
            return {"type": "http.request", "body": self.take(), "more_body": False}
        self._left = asyncio.get_running_loop().create_future()
        self._connection.watch(self)
        try:
            await self._left
        finally:
            self._connection.unwatch(self)
        return {"type": "http.disconnect"}

    def lost(self, error: object) -> None:
        """See Watcher."""
        if self._left is not None and not self._left.done():
            self._left.set_result(None)


class Coming:
    """Receives, as ASGI does, a body that is on its way to a call that was begun without a task."""

    __slots__ = ("_pause", "_upload")

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._pause: Pause | None = None

    async def __call__(self) -> Message:
        """The next event."""
        return await self._upload.receive()

    async def next(self) -> Message:
        """The next event, in no task. Raises TimeoutError when it is too late for it."""
        if not self._upload.is_here:
            self._pause = pause = Pause()
            self._upload.tell(pause.end)
            timer = pause.get_loop().call_later(STALL, pause.end)
            await pause
            timer.cancel()
            if not self._upload.is_here:
                raise TimeoutError
        return await self._upload.receive()

    def stop(self) -> None:
        """It is too late for the next event."""
        if self._pause is not None:
            self._pause.end()


async def read(receive: Receive, most: int = 0) -> bytes:
    """The whole body, at most `most` bytes, or MAX_BODY.

    Raises Gone, TooLarge, or ApiError when it stands still.
    """
    if isinstance(receive, Whole):
        return receive.take()
    most = most or MAX_BODY
    pieces: list[bytes] = []
    size, more = 0, True
    while more:
        message = await _next(receive)
        if message["type"] == "http.disconnect":
            raise Gone
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > most:
            raise TooLarge(b"".join(pieces), most)
        more = message.get("more_body", False)
    if size > MIB:  # others go on meanwhile: so much is copied without the interpreter's lock
        return await asyncio.to_thread(b"".join, pieces)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _next(receive: Receive) -> Message:
    try:
        if isinstance(receive, Coming):
            return await receive.next()
        async with asyncio.timeout(STALL):
            return await receive()
    except TimeoutError:
        raise ApiError(STALLED, f"no data came for {STALL:.0f} s") from None


async def parse(data: bytes) -> Any:
    """The JSON value of these bytes. Raises ApiError that says where it stops being JSON."""
    return await asyncio.to_thread(_parse, data) if len(data) > LONG else _parse(data)


async def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object of these bytes, empty if there are none. Raises ApiError."""
    value = await parse(data) if data else {}
    if not isinstance(value, dict):
        raise ApiError(BAD_JSON, "expected an object")
    return value


def _parse(data: bytes) -> Any:
    if len(data) > VALUES and _has_many(data):
        raise ApiError(BAD_JSON, f"more than {VALUES} values: send fewer at a time")
    try:
        text = data.decode()
        value = _DECODER.decode(text)
        if SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise ApiError(BAD_JSON, f"not UTF-8 at byte {error.start}") from None
    except UnicodeEncodeError:
        raise ApiError(BAD_JSON, "a string contains a lone surrogate") from None
    except RecursionError:
        raise ApiError(BAD_JSON, "nested too deeply") from None
    except ValueError as error:
        raise ApiError(BAD_JSON, str(error)) from None
    return value


def _has_many(data: bytes) -> bool:
    count = 0
    for start in range(0, len(data), MIB):
        count += sum(data.count(sign, start, start + MIB) for sign in SIGNS)
        if count > VALUES:
            return True
    return False


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("an object contains the same name twice")
    return members


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
