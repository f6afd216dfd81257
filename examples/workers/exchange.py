"""A worker of one loop: each call delivers an answer and takes the next request.

Nothing but the standard library; start as many as you like. SIGTERM or Ctrl-C: it takes no other
request, delivers its last answer, and ends.

python examples/workers/exchange.py [http://127.0.0.1:4242]
"""

import base64
import json
import os
import signal
import sys
import time
import urllib.request
from contextlib import suppress
from typing import Any

# Whatever `http_proxy` says: the gateway is dialled directly.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
API = (sys.argv[1:] or ["http://127.0.0.1:4242"])[0] + "/api/v1"
NAME = f"python-{os.getpid()}"
WAIT = 30  # seconds that a call is parked
stopping = False


def call(path: str, message: dict[str, Any]) -> Any:
    """Post a message. Raises OSError unless it was taken."""
    with DIRECT.open(API + path, json.dumps(message).encode(), timeout=WAIT + 5) as response:
        return json.load(response)


def stop(*_: object) -> None:
    """Have the call that is parked return at once."""
    global stopping
    stopping = True
    with suppress(OSError):  # then it returns when its time is over
        call("/drain", {"worker": NAME, "leaving": True})


def handle(environment: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    """Code, headers and body."""
    method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
    text = f"Python got {method} {path}?{environment['QUERY_STRING']}\n".encode()
    return 200, {"Content-Type": "text/plain"}, text + base64.b64decode(environment["body"])


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """What the client gets; a plain 500 if the handler fails."""
    try:
        code, headers, body = handle(request["environment"])
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        code, headers, body = 500, {}, b""
    text = base64.b64encode(body).decode()
    return {"identifier": request["identifier"], "code": code, "headers": headers, "body": text}


signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
answers: list[dict[str, Any]] = []
while answers or not stopping:
    # With 0 an answer is delivered, and nothing taken.
    most = 0 if stopping else 1
    message = {"worker": NAME, "wait": WAIT, "max": most, "responses": answers}
    try:
        answers = [answer(request) for request in call("/exchange", message)["requests"]]
    except OSError as error:  # what was delivered meanwhile counts once
        print(error, file=sys.stderr)
        time.sleep(1)
