"""Calls of a worker without a stream, while it holds one request.

The first byte is the size of the pieces in which bodies come. Calls are separated by SEPARATOR; the
first byte of each chooses the endpoint, the rest is the body or the query, in which `{id}` stands
for the request. All that is answered must be in the API's own description. Behind the byte RAW is
all that is sent, from the head on, and what is answered is valid HTTP.
"""

import json
import re
from urllib.parse import quote_from_bytes

from fuzz.clock import Found, run
from fuzz.gateway import Gateway
from fuzz.responses import Reader, Response
from fuzz.wire import Wire, pieces
from fuzz.witness import watching

SEPARATOR = b"\n--\n"
HELD = "/api/v1/requests/{identifier}"
CALLS = (
    ("POST", "/api/v1/response", ""),
    ("POST", "/api/v1/exchange", ""),
    ("POST", f"{HELD}/error", ""),
    ("POST", f"{HELD}/release", ""),
    ("POST", f"{HELD}/extend", ""),
    ("POST", f"{HELD}/chunks", ""),
    ("POST", f"{HELD}/response", "application/http"),
    ("POST", f"{HELD}/response", "text/plain"),
    ("PUT", "/api/v1/traffic", ""),
    ("POST", "/api/v1/drain", ""),
    ("POST", "/api/v1/resume", ""),
    ("GET", "/api/v1/request", ""),
    ("GET", "/api/v1/requests/next", ""),
    ("GET", HELD, ""),
)
RAW = 255
MOST_CALLS = 8
REQUEST = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
IDENTIFIER = re.compile(rb'"identifier": "([0-9a-f.]+)"')
EMPTY = "/api/v1/request"  # 404 is its way to say that nothing came
Statuses = dict[tuple[str, str], set[int]]
_documented: Statuses = {}


def one(data: bytes) -> None:
    """See the module."""
    with watching():
        run(_talk(data[1:].split(SEPARATOR)[:MOST_CALLS], data[0] if data else 0))


async def _talk(calls: list[bytes], size: int) -> None:
    gateway, client = Gateway(), Wire()
    await client.connect(gateway.client)
    await client.say([REQUEST])
    polled = await _call(gateway, [b"GET /api/v1/request HTTP/1.1\r\nhost: localhost\r\n\r\n"])
    match = IDENTIFIER.search(polled.body)
    assert match is not None
    for call in filter(None, calls):
        text = call[1:].replace(b"{id}", match[1])
        if call[0] == RAW:
            _check_raw(await _answers(gateway, pieces(text, size), b"HEAD " in text))
            continue
        method, path, media = CALLS[call[0] % len(CALLS)]
        target = path.replace("{identifier}", match[1].decode())
        response = await _call(gateway, _request(method, target, media, text, size))
        _check(response, method, path, _statuses(gateway)[method, path])
    await client.wait()
    await client.leave()
    final = [one for one in Reader(client.received, client.ended).all() if one.status >= 200]
    if len(final) != 1 or (final[0].status == 500 and b'"internal"' in final[0].body):
        raise Found(f"not one response: {client.received!r}")


def _request(method: str, target: str, media: str, text: bytes, size: int) -> list[bytes]:
    """The pieces of a call."""
    fields = f"host: localhost\r\ncontent-type: {media or 'application/json'}\r\n"
    if method == "GET":
        query = quote_from_bytes(text, safe="&=+%")
        return [f"GET {target}?{query} HTTP/1.1\r\n{fields}\r\n".encode()]
    head = f"{method} {target} HTTP/1.1\r\n{fields}content-length: {len(text)}\r\n\r\n"
    return [head.encode(), *pieces(text, size)]


async def _call(gateway: Gateway, said: list[bytes]) -> Response:
    """The one answer to this."""
    answers = await _answers(gateway, said)
    if len(answers) != 1:
        raise Found(f"not one answer: {answers}")
    return answers[0]


async def _answers(gateway: Gateway, said: list[bytes], head: bool = False) -> list[Response]:
    """What comes on a connection of its own."""
    wire = Wire()
    await wire.connect(gateway.worker)
    await wire.say(said)
    await wire.wait()
    await wire.leave()
    if not wire.ended:
        raise Found("a connection that never ends")
    return Reader(wire.received, wire.ended, head).all()


def _statuses(gateway: Gateway) -> Statuses:
    """What each endpoint says that it answers."""
    if not _documented:
        for path, operations in gateway.api.openapi()["paths"].items():
            for method, operation in operations.items():
                _documented[method.upper(), path] = set(map(int, operation["responses"]))
    return _documented


def _check_raw(responses: list[Response]) -> None:
    for one in responses:
        if one.status == 500 or not one.complete:
            raise Found(f"an error of ours, or cut: {one}")


def _check(response: Response, method: str, path: str, documented: set[int]) -> None:
    if response.status not in documented:
        raise Found(f"{method} {path} does not say that it answers {response}")
    if response.status >= 400 and not (response.status == 404 and path == EMPTY):
        problem = json.loads(response.body)
        if response.values(b"content-type") != [b"application/problem+json"]:
            raise Found(f"not a problem document: {response}")
        if problem["status"] != response.status or not problem["code"] or not problem["error"]:
            raise Found(f"a problem that does not say what it is: {problem}")
