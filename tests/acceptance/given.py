"""A worker's application that answers with the fields that it was given, as JSON pairs."""

import json

from starlette.types import Receive, Scope, Send


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve any path."""
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    given = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(given).encode()})
