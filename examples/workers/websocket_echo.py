"""A worker that serves WebSockets with two HTTP calls: it numbers what each client says.

It holds no connection and remembers nothing, so any number of copies can serve one WebSocket in
turn: the last number is kept by the gateway. Nothing but the standard library.

python examples/workers/websocket_echo.py [http://127.0.0.1:4242]
"""

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

# Whatever `http_proxy` says: the gateway is dialled directly.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
API = (sys.argv[1:] or ["http://127.0.0.1:4242"])[0] + "/api/v1"


def poll() -> Any:
    """The next request, or None."""
    try:
        url = API + "/request?wait=30&worker=echo&websockets=events"
        with DIRECT.open(url) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            print(error.read().decode(), file=sys.stderr)
            time.sleep(1)
    except OSError as error:
        print(error, file=sys.stderr)
        time.sleep(1)
    return None


def decode(body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The events of a batch: pairs of a name and data."""
    while body:
        line, _, body = body.partition(b"\r\n")
        name, _, size = line.partition(b" ")
        length = int(size, 16) if size else 0
        yield name, body[:length]
        body = body[length + 2 :] if size else body


def encode(name: bytes, data: bytes) -> bytes:
    """One event with data."""
    return b"%b %x\r\n%b\r\n" % (name, len(data), data)


def serve(environment: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Code, headers and body for one batch of events."""
    number, answer = int(environment.get("HTTP_META_NUMBER", 0)), b""
    for name, data in decode(base64.b64decode(environment["body"])):
        if name == b"OPEN":
            answer += b"OPEN\r\n"
        elif name in (b"TEXT", b"BINARY"):
            number += 1
            answer += encode(name, b"%d: %b" % (number, data))
    headers = {"Content-Type": "application/websocket-events", "Set-Meta-Number": str(number)}
    return 200, headers, answer


def respond(environment: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """The same for anything that was asked; a client could send what only looks like a batch."""
    if environment.get("prack.websocket") == "events":
        return serve(environment)
    return 426, {"Content-Type": "text/plain", "Upgrade": "websocket"}, b"Use a WebSocket\n"


while True:
    request = poll()
    if request is None:
        continue
    code, headers, body = respond(request["environment"])
    answer = {
        "identifier": request["identifier"],
        "code": code,
        "headers": headers,
        "body": base64.b64encode(body).decode(),
    }
    try:
        url = API + "/response"
        DIRECT.open(url, json.dumps(answer).encode()).close()
    except OSError as error:
        print(error, file=sys.stderr)
