"""The plain carrier (proto/README.md, section 11)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.certificates import Changing
from prack_grpc.conformance.listening import tcp_port
from prack_grpc.conformance.stream.gateway import Gateway
from prack_grpc.conformance.stream.session import MAX_FRAME, Session
from prack_wire.frames import LENGTH

SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: prack.v1\r\n\r\n"
REFUSALS = {
    "token": b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    "draining": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n",
    "silence": b"",
}
LINE = "GET /api/v1/stream HTTP/1.1"
LATE_SECONDS = 0.3
PIECE_SECONDS = 0.03


class PlainLink:
    """One connection."""

    def __init__(self, writer: asyncio.StreamWriter, fields: dict[str, str]) -> None:
        self.authorization = fields.get("authorization", "")
        self._writer = writer
        self._behind: list[bytes] | None = None  # what waits for the last piece of a frame

    def write(self, frame: bytes) -> None:
        """See Link."""
        if self._behind is not None:
            self._behind.append(frame)
        elif not self._writer.is_closing():
            self._writer.write(LENGTH.pack(len(frame)) + frame)

    async def write_in_pieces(self, frame: bytes) -> None:
        """Send one frame as a network may deliver it: cut in its length, and in its middle."""
        message = LENGTH.pack(len(frame)) + frame
        cuts = (0, 2, LENGTH.size + 1, len(message) // 2 + LENGTH.size, len(message))
        self._behind = []
        for start, stop in pairwise(cuts):
            self._writer.write(message[start:stop])
            await asyncio.sleep(PIECE_SECONDS)
        behind, self._behind = self._behind, None
        for one in behind:
            self.write(one)

    def end(self) -> None:
        """See Link."""
        if self._writer.can_write_eof():
            with suppress(OSError):
                self._writer.write_eof()
        else:
            self._writer.close()

    def reset(self) -> None:
        """See Link."""
        self._writer.transport.abort()


@asynccontextmanager
async def listening(gateway: Gateway, tls: Changing | None) -> AsyncIterator[str]:
    """Inside it workers can dial; gives the URL."""
    async with tcp_port(partial(_serve, gateway), tls) as port:
        yield f"pracks://localhost:{port}" if tls else f"prack://127.0.0.1:{port}"


async def _serve(
    gateway: Gateway, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            if refusal := gateway.dialled():
                writer.write(REFUSALS[refusal])
                return
            fields = _checked(head.decode("latin-1"))
            if gateway.terms.late:
                await _keep_waiting(reader)
            writer.write(SWITCH)
            await _read(gateway.open(PlainLink(writer, fields)), reader)
    except Broken as broken:
        gateway.fail(broken)
    finally:
        writer.close()


def _checked(head: str) -> dict[str, str]:
    """The fields of a request that asks for the upgrade (11.2). Raises Broken."""
    line, *lines = head.rstrip("\r\n").split("\r\n")
    fields = {}
    for name, _, value in (one.partition(":") for one in lines):
        fields[name.lower()] = value.strip()
    if line != LINE:
        raise Broken("11.2", f"the request line {line!r}; expected {LINE!r}")
    if "host" not in fields or "upgrade" not in fields.get("connection", "").lower():
        raise Broken("11.2", f"a request without Host, or without Connection: Upgrade: {lines}")
    if fields.get("upgrade") != "prack.v1":
        raise Broken("11.2", f"Upgrade: {fields.get('upgrade')}; expected prack.v1")
    return fields


async def _keep_waiting(reader: asyncio.StreamReader) -> None:
    """Raises Broken if anything comes before the 101."""
    with suppress(TimeoutError):
        early = await asyncio.wait_for(reader.read(1), LATE_SECONDS)
        raise Broken("11.2", "bytes before the 101" if early else "no patience for the 101")


async def _read(session: Session, reader: asyncio.StreamReader) -> None:
    clean = False
    try:
        while True:
            (size,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            if size > MAX_FRAME:
                session.fail(Broken("11.3", f"a frame of {size} bytes; the limit is {MAX_FRAME}"))
                return
            session.take(await reader.readexactly(size))
    except asyncio.IncompleteReadError as error:
        clean = not error.partial
    except ConnectionError:
        pass
    finally:
        session.close(clean)
