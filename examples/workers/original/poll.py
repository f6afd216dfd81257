"""A worker as the original Prack had them: two HTTP calls, and nothing but the standard library.

python examples/workers/original/poll.py [http://127.0.0.1:4242]
"""

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

# Whatever `http_proxy` says: the gateway is dialled directly.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
API = (sys.argv[1:] or ["http://127.0.0.1:4242"])[0] + "/api/v1/request"


def poll() -> Any:
    """The next request, or None."""
    try:
        with DIRECT.open(API) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        answer = json.load(error)
    except OSError as error:
        answer = {"error": str(error)}
    if "pending" not in answer["error"]:
        print(answer["error"], file=sys.stderr)
        time.sleep(1)
    return None


def handle(environment: dict[str, str]) -> tuple[str, dict[str, str], bytes]:
    """Code, headers and body, as a Rack application returns them."""
    method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
    text = f"Python got {method} {path}?{environment['QUERY_STRING']}\n".encode()
    body = text + base64.b64decode(environment.get("body", ""))
    headers = {
        "Content-Type": "text/plain",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    return "200", headers, body


while True:
    request = poll()
    if request is None:
        continue
    code, headers, body = handle(request["environment"])
    answer = {
        "identifier": request["identifier"],
        "code": code,
        "headers": headers,
        "body": base64.encodebytes(body).decode(),
    }
    DIRECT.open(API, json.dumps(answer).encode()).close()
