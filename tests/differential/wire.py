"""One conversation over a raw socket, and all that a client can tell about the answers."""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

SECONDS = 10.0
BODILESS = (204, 304)
Fields = list[tuple[str, str]]


@dataclass
class Message:
    """One response. `framing` is how its end was told; `cut` that it never came."""

    version: str
    status: int
    reason: str
    headers: Fields
    interim: list[tuple[int, Fields]] = field(default_factory=list)
    framing: str = "none"
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    cut: bool = False


@dataclass
class Talk:
    """The answers on one connection, what became of it, and the client's own port."""

    messages: list[Message] = field(default_factory=list)
    end: str = ""
    port: int = 0


async def talk(port: int, requests: Sequence[bytes], probe: bytes) -> Talk:
    """Send these requests at once, read their answers, and see whether the connection goes on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    sender = asyncio.create_task(_send(writer, b"".join(requests)))
    found = Talk(port=writer.get_extra_info("sockname")[1])
    try:
        async with asyncio.timeout(SECONDS):
            try:
                for request in requests:
                    message = await _message(reader, request.startswith(b"HEAD "))
                    found.messages.append(message)
                    if message.cut or message.framing == "end":
                        break
                found.end = await _end(reader, writer, found.messages[-1], probe)
            except (asyncio.IncompleteReadError, ConnectionError):
                found.end = "close"
    finally:
        sender.cancel()
        writer.transport.abort()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await sender
    return found


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()


async def _end(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, last: Message, probe: bytes
) -> str:
    """ "keep" if the connection answers once more, "cut" if the last answer did not end."""
    if last.cut:
        return "cut"
    if last.framing == "end":
        return "close"
    await _send(writer, probe)
    try:
        message = await _message(reader, False)
        rest = await reader.read()
    except asyncio.IncompleteReadError as error:
        return f"garbage {error.partial!r}" if error.partial else "close"
    except ConnectionError:
        return "close"
    return "garbage" if rest or message.cut or message.status != 200 else "keep"


async def _message(reader: asyncio.StreamReader, bodiless: bool) -> Message:
    """One response, after interim ones."""
    interim = []
    while True:
        first, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        status_line = re.fullmatch(r"(HTTP/1\.\d) (\d{3}) (.*)", first.decode("latin-1"))
        assert status_line, first
        headers = _fields(lines)
        status = int(status_line[2])
        if status >= 200:
            break
        interim.append((status, headers))
    message = Message(status_line[1], status, status_line[3], headers, interim)
    if not bodiless and status not in BODILESS:
        try:
            await _body(reader, message)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            message.body += getattr(error, "partial", b"")
            message.cut = True
    return message


def _fields(lines: Sequence[bytes]) -> Fields:
    pairs = [line.decode("latin-1").partition(":") for line in lines]
    assert all(colon for _, colon, _ in pairs), lines
    return [(name.lower(), value.strip(" \t")) for name, _, value in pairs]


async def _body(reader: asyncio.StreamReader, message: Message) -> None:
    codings = [value for name, value in message.headers if name == "transfer-encoding"]
    lengths = [value for name, value in message.headers if name == "content-length"]
    if codings:
        message.framing = " and ".join(["chunked"] + ["length"] * len(lengths))
        while size := int(await reader.readuntil(b"\r\n"), 16):
            message.body += (await reader.readexactly(size + 2))[:-2]
        while (line := (await reader.readuntil(b"\r\n"))[:-2]) != b"":
            message.trailers += _fields([line])
    elif lengths:
        message.framing = "length"
        message.body = await reader.readexactly(int(lengths[0]))
    else:
        message.framing = "end"
        while data := await reader.read(2**16):
            message.body += data
