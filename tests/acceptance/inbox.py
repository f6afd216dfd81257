# ruff: noqa: T201 - its output is what tests read
"""An application that takes webhooks, and says which it has got, and how often."""

import os
from pathlib import Path

from starlette.types import Receive, Scope, Send

from tests.acceptance.probe import released, reply

FOLDER = Path(os.environ["PROBE_DIR"])


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes `/<what>/<name>`: `take`, `hold` until it is released, or `fail` until then."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    _, what, name = scope["path"].split("/", 2)
    attempt = dict(scope["headers"])[b"prack-attempt"].decode()
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    print("got", name, attempt, size, flush=True)
    if what == "hold":
        await released(name)
    if what == "fail" and not (FOLDER / name).exists():
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"not yet"})
        return
    await reply(send, f"took {name}")
