"""An application that leaves the folder it was started in, as soon as it is imported."""

import importlib
import os

from starlette.types import Receive, Scope, Send

os.chdir("/")


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what a module says that is imported late, from its own folder."""
    if scope["type"] == "lifespan":
        return
    late = importlib.import_module("late_module")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": late.WORD})
