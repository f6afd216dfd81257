"""Workers that speak the REST API by hand (docs/rest.md): `python -m bench.rest_worker MODE PORT`.

one        16 pollers, each: take one request, answer it, and again
exchange   4 pollers, each: answer what was taken and take up to 32 more, in one call
raw        64 threads that stream bodies as they are: the paths of apps/traffic.py
"""

import asyncio
import http.client
import json
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import sleep

from bench.apps.hello import HELLO
from bench.apps.traffic import PIECE, event
from bench.client import Broken, Connection, run

ONE, EXCHANGE, RAW = 16, 4, 64
HEAD = b"%b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n"
POLL = HEAD % (b"GET /api/v1/request?wait=30", 0)
# {"code": 200, "headers": {"Content-Type": "text/plain"}, "body": "Hello, world!\n"}
ANSWER = b'{"identifier":"%b","code":200,"headers":{"Content-Type":"text/plain"},"body":"%b"}'
BODY = b"SGVsbG8sIHdvcmxkIQo="
NEXT = "/api/v1/requests/next?wait=30"


def main() -> None:
    """Serve until the gateway is gone."""
    mode, port = sys.argv[1], int(sys.argv[2])
    if mode == "raw":
        for _ in range(RAW):
            threading.Thread(target=_serve_raw, args=(port,)).start()
    else:
        loops = [_one] * ONE if mode == "one" else [_exchange] * EXCHANGE
        run(_serve(port, loops))


async def _serve(port: int, loops: Sequence[Callable[[Connection], Awaitable[None]]]) -> None:
    await asyncio.gather(*(_keep(port, loop) for loop in loops))


async def _keep(port: int, loop: Callable[[Connection], Awaitable[None]]) -> None:
    while True:
        try:
            await loop(await Connection.open(port))
        except ConnectionRefusedError:
            await asyncio.sleep(0.05)
        except Broken:
            return


async def _one(connection: Connection) -> None:
    while True:
        status, body = await connection.ask(POLL)
        if status == 200:
            answer = ANSWER % (_identifier(json.loads(body)), BODY)
            await connection.ask(HEAD % (b"POST /api/v1/response", len(answer)) + answer)


async def _exchange(connection: Connection) -> None:
    answers: list[bytes] = []
    while True:
        call = b'{"max":32,"wait":30,"responses":[%b]}' % b",".join(answers)
        _, body = await connection.ask(HEAD % (b"POST /api/v1/exchange", len(call)) + call)
        answers = [ANSWER % (_identifier(one), BODY) for one in json.loads(body)["requests"]]


def _identifier(request: dict[str, str]) -> bytes:
    return request["identifier"].encode()


# ---------------------------------------------------------------- raw


def _serve_raw(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    while True:
        try:
            _answer(connection)
        except ConnectionRefusedError:
            connection.close()
            sleep(0.05)
        except (OSError, http.client.HTTPException) as error:
            print(f"a worker stops: {error!r}", file=sys.stderr, flush=True)
            return


def _answer(connection: http.client.HTTPConnection) -> None:
    connection.request("GET", NEXT)
    response = connection.getresponse()
    if response.status != 200:
        response.read()
        return
    name = response.headers["Prack-Id"]
    method, target, _ = response.readline().split()
    while response.readline().strip():
        pass
    size = 0
    while piece := response.read(len(PIECE)):
        size += len(piece)
    body, headers = _body(method, target.decode(), size)
    url = f"/api/v1/requests/{name}/response"
    connection.request("POST", url, body, headers, encode_chunked=isinstance(body, Iterator))
    connection.getresponse().read()


def _body(method: bytes, target: str, size: int) -> tuple[bytes | Iterator[bytes], dict[str, str]]:
    """The answer that apps/traffic.py would give."""
    path, _, query = target.partition("?")
    numbers = [int(part) for part in query.split(",") if part]
    if method == b"POST":
        return b"%d\n" % size, {}
    if path == "/events":
        return _events(*numbers), {"Transfer-Encoding": "chunked"}
    if path == "/stream":
        return _stream(*numbers), {"Content-Length": query}
    return HELLO, {}


def _events(count: int, every_ms: int) -> Iterator[bytes]:
    for _ in range(count):
        sleep(every_ms / 1000)
        yield event()


def _stream(size: int) -> Iterator[bytes]:
    for start in range(0, size, len(PIECE)):
        yield PIECE[: size - start]


if __name__ == "__main__":
    main()
