"""Which files of the gateway small exchanges touch on their way, each way really gone.

A gateway on loopback, a client, and workers of each kind; `sys.setprofile` sees in which file each
function is that is called between the first byte written and the last one read. Only what every
round touches counts, so that a timer that fires meanwhile does not.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from prack.v1 import worker_pb2 as pb
from prack_grpc.composition.service import Service
from prack_grpc.settings.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
COUNTED = (f"{ROOT}/prack_grpc/", f"{ROOT}/clients/python/prack_wire/")
PUBLIC = ("prack_grpc/gateway/", "prack_grpc/telemetry/")
ROUNDS = 5
SECONDS = 20.0
PORTS = {
    "host": "127.0.0.1",
    "port": 0,
    "api_port": 0,
    "grpc_port": 0,
    "admin_port": 0,
    "grace": 0.2,
}

HOST = b"Host: localhost\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
SMALL = [
    b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
]
DIAL = (
    b"GET /api/v1/stream HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: prack.v1\r\n\r\n"
)
POLL = b"GET /api/v1/request?wait=10 HTTP/1.1\r\n" + HOST + b"\r\n"
HELLO = pb.Hello(worker_id="w", minor_min=1, minor_max=1, capacity=pb.Capacity(max_in_flight=1))
HEAD = [b"content-type", b"text/plain", b"content-length", b"2"]

Seen = set[str]


@contextmanager
def watched() -> Iterator[Seen]:
    """The files of which a function is called inside; imports are none."""
    seen: Seen = set()

    def profile(frame: FrameType, event: str, _arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(COUNTED) and code.co_name != "<module>":
            seen.add(str(Path(code.co_filename).relative_to(ROOT)))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield seen
    finally:
        sys.setprofile(before)


@dataclass
class Connection:
    """Bytes both ways."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def message(self) -> bytes:
        """The body of the next HTTP response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return await self.reader.readexactly(int(length or b"0"))

    async def frame(self) -> pb.GatewayFrame:
        """The next frame of a stream."""
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        return pb.GatewayFrame.FromString(await self.reader.readexactly(size))

    def send(self, frame: pb.WorkerFrame) -> None:
        """A frame of a stream."""
        message = frame.SerializeToString()
        self.writer.write(len(message).to_bytes(4, "big") + message)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """A connection to this port."""
    connection = Connection(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield connection
    finally:
        connection.writer.close()
        await connection.writer.wait_closed()


async def over_stream(request: bytes, client: Connection, worker: Connection) -> tuple[Seen, Seen]:
    """From a request's bytes to a worker's frames, and from the answer's frame to the client."""
    with watched() as there:
        client.writer.write(request)
        handed = (await worker.frame()).requests[0]
    answer = pb.ResponseHead(id=handed.id, status=200, headers=HEAD, body=b"ok", end=True)
    with watched() as back:
        worker.send(pb.WorkerFrame(heads=[answer]))
        assert await client.message() == b"ok"
    return there, back


async def over_rest(request: bytes, client: Connection, worker: Connection) -> tuple[Seen, Seen]:
    """From a request's bytes to the JSON of a poll, and from the answer's JSON to the client."""
    worker.writer.write(POLL)
    with watched() as there:
        client.writer.write(request)
        handed = json.loads(await worker.message())
    answer = {"identifier": handed["identifier"], "code": 200, "headers": {}}
    body = json.dumps(answer | {"body": base64.b64encode(b"ok").decode()}).encode()
    head = b"POST /api/v1/response HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (HOST, len(body))
    with watched() as back:
        worker.writer.write(head + body)
        assert await client.message() == b"ok"
    await worker.message()
    return there, back


Round = Callable[[bytes, Connection, Connection], Awaitable[tuple[Seen, Seen]]]


async def longest(go: Round, client: Connection, worker: Connection) -> tuple[Seen, Seen]:
    """The longest of the ways of small requests, and the longest way back."""
    there, back = [], []
    for request in SMALL:
        await go(request, client, worker)  # what is made once is made
        rounds = [await go(request, client, worker) for _ in range(ROUNDS)]
        there.append(set.intersection(*(one for one, _ in rounds)))
        back.append(set.intersection(*(one for _, one in rounds)))
    return max(there, key=len), max(back, key=len)


async def _walk() -> dict[str, Seen]:
    async with Service(Settings.model_validate(PORTS)).listening() as (gateway, port):
        async with connected(port) as client, connected(gateway.api_port) as worker:
            worker.writer.write(DIAL)
            await worker.reader.readuntil(b"\r\n\r\n")
            worker.send(pb.WorkerFrame(hello=HELLO))
            await worker.frame()
            request, answer = await longest(over_stream, client, worker)
        async with connected(port) as client, connected(gateway.api_port) as worker:
            _, rest = await longest(over_rest, client, worker)
    # The rest of it, once it is in the core, is the way of any answer.
    private = {file for file in rest if not file.startswith(PUBLIC)}
    return {"request": request, "answer": answer, "REST answer": private}


def walk() -> dict[str, Seen]:
    """The files on each of the ways."""
    return asyncio.run(asyncio.wait_for(_walk(), SECONDS))
