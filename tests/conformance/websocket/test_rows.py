"""Handshakes and frames of our own, byte for byte, against uvicorn and against Prack."""

import asyncio
import contextlib
import zlib
from collections.abc import Mapping

import pytest

from tests.acceptance.processes import connected
from tests.conformance.websocket.handshakes import HANDSHAKES, Handshake
from tests.conformance.websocket.rows import BYE, ROWS, Row
from tests.docs.pages import page, rows
from tests.support.client import Cut, RawClient
from tests.support.frames import (
    CLOSE,
    DEFLATE,
    PONG,
    RSV1,
    TEXT,
    Frame,
    close,
    open_socket,
    receive,
)

SERVERS = pytest.mark.parametrize("server", ["uvicorn", "prack"])


@SERVERS
@pytest.mark.parametrize("row", HANDSHAKES, ids=lambda row: row.name)
async def test_a_handshake_is_answered_as_it_should(
    ports: Mapping[str, int], row: Handshake, server: str
) -> None:
    async with connected(ports[server]) as client:
        await client.send(b"\r\n".join((row.line, b"Host: test", *row.fields, b"", b"")))
        response = await client.response()
    name, value = row.field
    direct = row.direct if server == "uvicorn" else None
    assert (response.status, response.header(name)) == (direct or (row.status, value))[:2]


@SERVERS
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_frames_are_answered_as_they_should(
    ports: Mapping[str, int], row: Row, server: str
) -> None:
    name = f"{server}-{ROWS.index(row)}".encode()
    direct = row.direct if server == "uvicorn" else None
    expected, told, *_ = direct or (row.answers, row.told)
    async with connected(ports[server]) as client:
        response = await open_socket(client, b"/" + name, *(DEFLATE,) * row.compressed)
        assert response.status == 101
        assert await answers(client, row, expected) == [*expected]
    assert await ending(ports[server], name) == told


async def answers(client: RawClient, row: Row, expected: tuple[str, ...]) -> list[str]:
    """Everything that the server says to this. A close is answered."""
    sending = asyncio.create_task(send(client, row))
    inflate = zlib.decompressobj(wbits=-15)
    found: list[str] = []
    try:
        while True:
            if (*found, BYE) == expected:
                await client.send(close(1000))
            frame = await receive(client)
            found.append(shown(frame, inflate))
            if frame.opcode == CLOSE:
                client.writer.write(close(1000))
    except Cut:
        return found
    finally:
        await sending


async def send(client: RawClient, row: Row) -> None:
    """What the row sends, as far as the server takes it."""
    with contextlib.suppress(ConnectionError):
        await client.send(row.sends)
        if row.leaves:
            client.writer.write_eof()


def shown(frame: Frame, inflate: "zlib._Decompress") -> str:
    """A frame in words."""
    if frame.opcode == CLOSE:
        return f"CLOSE {int.from_bytes(frame.data[:2])}" if frame.data else "CLOSE"
    if frame.opcode == PONG:
        return f"PONG {frame.data!r}"
    compressed = frame.bits & RSV1
    data = inflate.decompress(frame.data + b"\0\0\xff\xff") if compressed else frame.data
    kind = "TEXT" if frame.opcode == TEXT else "BINARY"
    text = repr(data.decode()) if frame.opcode == TEXT else f"{len(data)} bytes"
    return f"{kind} {text}{' compressed' if compressed else ''}"


async def ending(port: int, name: bytes) -> int:
    """The close code that the application was told."""
    async with connected(port) as client:
        await client.get(b"/told/" + name)
        return int((await client.response()).body)


def test_the_docs_tell_what_differs() -> None:
    text, table = page("docs/websockets.md"), (*HANDSHAKES, *ROWS)
    assert f"has {len(table)} rows more" in text
    reasons = {row.direct[-1] for row in table if row.direct}
    assert reasons == {reason for *_, reason in rows(text, "row")}
