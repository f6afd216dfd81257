"""Servers in other languages: with a worker beside them they answer as they do by themselves."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from tests.acceptance.processes import Gateway, Launcher, free_ports, until_answered
from tests.differential.facts import deviations, facts
from tests.differential.row import FORM, LARGE, chunked, request
from tests.differential.row import HOST as PLACE
from tests.differential.wire import talk
from tests.sidecar.beside import beside
from tests.sidecar.expected import is_expected
from tests.sidecar.programs import PROGRAMS, build

HOST = b"shop.example.com:8080"


def ask(target: str, *fields: bytes, method: str = "GET", body: bytes | None = None) -> bytes:
    """The bytes of a request."""
    return request(target, *fields, method=method, body=body, host=HOST)


ROWS: dict[str, tuple[bytes, ...]] = {
    "GET": (ask("/plain"),),
    "HEAD": (ask("/plain", method="HEAD"),),
    "no page": (ask("/none"),),
    "target": (ask("/echo?a=1&a=%zz&&b=%C3%A4?", b"X-B: 2", b"X-A: 1", b"X-B: 3"),),
    "obs-text": (ask("/echo", b"X-Bytes: caf\xe9"),),
    "form": (ask("/echo", FORM, method="POST", body=b"a=1&b=%20"),),
    "DELETE with a body": (ask("/echo", method="DELETE", body=b"why"),),
    "POST without a body": (ask("/echo", b"Content-Length: 0", method="POST"),),
    "upload": (ask("/echo", method="PUT", body=LARGE),),
    "upload in chunks": (chunked("/echo", *[LARGE[:65536]] * 20).replace(PLACE, HOST),),
    "100-continue": (ask("/echo", b"Expect: 100-continue", method="POST", body=LARGE),),
    "pieces": (ask("/pieces"),),
    "cookies": (ask("/cookies"),),
    "redirect": (ask("/redirect"),),
    "nothing": (ask("/nothing"),),
    "gzip": (ask("/gzip", b"Accept-Encoding: gzip"),),
    "large": (ask("/large"),),
    "pipelining": (ask("/plain"), ask("/large"), ask("/plain", method="HEAD"), ask("/plain")),
    "range": (ask("/files/app.js", b"Range: bytes=3-9"), ask("/plain", b"Range: bytes=1-2")),
    "hints": (ask("/hints"),),
    "trailers": (ask("/trailers", b"TE: trailers", b"Connection: TE"),),
    "failure": (ask("/fails"),),
    "conditional": (ask("/plain", b"If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"),),
    "space": (ask("/a%20b.txt"),),
}


@dataclass
class Pair:
    """The ports of one program: its own, and that of the gateway to another process of it."""

    direct: int
    prack: int


@pytest.fixture(scope="module")
def pairs(shared: Launcher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    """All programs, each by itself and beside a worker."""
    built = tmp_path_factory.mktemp("built")
    build(built)

    def start(name: str) -> Pair:
        words = PROGRAMS[name].words(built)
        gateway: Gateway = shared.gateway()
        (port,) = free_ports(1)
        shared.process(*words, env={"PORT": str(port)})
        beside(shared, gateway, command=words)
        until_answered(port, "/plain")
        until_answered(gateway.port, "/plain")
        return Pair(port, gateway.port)

    with ThreadPoolExecutor() as pool:
        yield dict(zip(PROGRAMS, pool.map(start, PROGRAMS), strict=True))


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("row", ROWS)
async def test_it_answers_as_without_prack(pairs: dict[str, Pair], program: str, row: str) -> None:
    pair = pairs[program]
    probe = ask("/plain", b"Connection: close")
    direct, prack = [
        facts(await talk(port, ROWS[row], probe), b"") for port in (pair.direct, pair.prack)
    ]
    found = [one for one in deviations(direct, prack) if not is_expected(program, one)]
    assert not [str(deviation) for deviation in found]


async def conversation(port: int) -> list[object]:
    """All that a client can tell about a WebSocket of Express."""
    async with connect(
        "ws://shop.example.com/socket?a=%20",
        host="127.0.0.1",
        port=port,
        origin=Origin("https://example.com"),
        subprotocols=[Subprotocol("one"), Subprotocol("two")],
    ) as socket:
        found: list[object] = [socket.subprotocol, await socket.recv()]
        for message in ("grüß " * 1000, bytes(range(256)) * 1000, ""):
            await socket.send(message)
            found.append(await socket.recv())
        await socket.send("close")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        return [*found, closed.value.rcvd]


async def test_a_websocket_is_as_without_prack(pairs: dict[str, Pair]) -> None:
    pair = pairs["express"]
    direct, prack = await conversation(pair.direct), await conversation(pair.prack)
    assert direct[:2] == ["two", '["shop.example.com","https://example.com"]']
    assert prack == direct
