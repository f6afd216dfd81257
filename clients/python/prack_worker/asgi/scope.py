"""The connection scopes of ASGI requests, as uvicorn would build them.

Beyond the specification, the extension `prack` holds `request_id` and `attempt` (1 for the first
hand-out).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from prack_worker.exchange import Exchange
from prack_worker.request import Request, below

ASGI = {"version": "3.0", "spec_version": "2.4"}
WEBSOCKET_SCHEMES = {"http": "ws", "https": "wss"}
# About the gateway's connection, but by these some applications know a handshake (python-socketio).
UPGRADE = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]


def build_scope(exchange: Exchange, state: dict[str, Any], root_path: str = "") -> dict[str, Any]:
    """The scope of a request (ASGI HTTP and WebSocket specification 2.4).

    The path has the root path in front, whether or not a proxy has taken it off.
    """
    request = exchange.request
    raw_path, query = request.split_target()
    path = unquote_to_bytes(raw_path) if b"%" in raw_path else raw_path
    if root_path and not below(path, root_path.encode()):
        path, raw_path = root_path.encode() + path, root_path.encode() + raw_path
    extensions: dict[str, Any] = {
        "prack": {"request_id": request.request_id, "attempt": request.attempt}
    }
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": ASGI,
        "http_version": request.http_version,
        "scheme": request.scheme,
        "path": path.decode("utf-8", "replace"),
        "raw_path": raw_path,
        "query_string": query,
        "root_path": root_path,
        "headers": request.headers,
        "client": request.client,
        "server": request.server(),
        "state": state.copy(),
        "extensions": extensions,
    }
    if request.websocket:
        scope["type"] = "websocket"
        scope["scheme"] = WEBSOCKET_SCHEMES.get(request.scheme, request.scheme)
        scope["headers"] = [*request.headers, *UPGRADE]
        scope["subprotocols"] = offered_subprotocols(request)
        extensions["websocket.http.response"] = {}
        return scope
    scope["method"] = request.method
    if exchange.extras:
        extensions["http.response.trailers"] = {}
        extensions["http.response.early_hint"] = {}
    return scope


def offered_subprotocols(request: Request) -> list[str]:
    """What the client offers, in its order (RFC 6455, section 4.1)."""
    lists = [value for name, value in request.headers if name == b"sec-websocket-protocol"]
    names = b",".join(lists).decode("latin-1").split(",")
    return [name.strip() for name in names if name.strip()]
