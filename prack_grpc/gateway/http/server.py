"""What the connections of one listening socket have in common."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Protocol

from starlette.types import ASGIApp, Scope

from prack_grpc.gateway.http.admission import Admission, Place
from prack_grpc.gateway.http.limits import ConnectionLimits
from prack_grpc.gateway.http.transaction import Response
from prack_grpc.gateway.request.client import Client, TakesEarly, TakesWhole, Upload
from prack_grpc.telemetry.access import AccessLog
from prack_grpc.turns import GOINGS, Turns

# Requests that start in a turn, of all connections of a server, if none takes longer than GOING;
# one with a task costs as much as so many without.
STARTS, TASK = 64, 32
# A read that leaves fewer has the next turn begin with all of them.
FEW_STARTS = 48
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n"
# Between two pieces of messages that are larger than what was sent, of all clients: so a few bytes
# keep neither a gateway nor its workers busy.
UNPACK_SECONDS = 0.002
# Makes what goes on with a client's connection, and leaves its place when it is gone.
WebSockets = Callable[["HttpServer", tuple[str, int] | None, Place], asyncio.Protocol]


class Member(Protocol):
    """A connection, of requests or of a WebSocket."""

    def shutdown(self) -> None:
        """The server stops."""

    def abort(self) -> None:
        """End it now."""


class HttpServer:
    """One application, its limits, and who is connected.

    With `websockets`, handshakes are answered by the connections that it makes. With `upgrade`, a
    request may ask for that protocol, and the application switches to it. What is refused before
    the application sees it is told to `access`. What `response` makes is sent. Of a crowd that asks
    at once few are read in one of the `starts`. Who has more to be parsed or served waits for one
    of the `turns`, whose client has left for one of `goings`, and who has sent a message that is
    large once it is unpacked for one of `unpackings`.
    """

    __slots__ = (
        "access",
        "admission",
        "app",
        "begin",
        "begin_early",
        "connections",
        "goings",
        "leaving",
        "limits",
        "response",
        "starts",
        "state",
        "tasks",
        "turns",
        "unpackings",
        "upgrade",
        "websockets",
    )

    def __init__(
        self,
        app: ASGIApp,
        limits: ConnectionLimits,
        admission: Admission,
        websockets: WebSockets | None = None,
        upgrade: bytes | None = None,
        access: AccessLog | None = None,
    ) -> None:
        self.app = app
        self.begin, self.begin_early = _begin(app), _begin_early(app)
        self.limits = limits
        self.response: Callable[..., Response] = Response
        self.admission = admission
        self.websockets = websockets
        self.upgrade = upgrade
        self.access = access or AccessLog()
        self.state: dict[str, object] = {}  # what a lifespan gives to each request
        self.connections: set[Member] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.starts = Turns(STARTS)
        self.turns, self.goings = Turns(), Turns(GOINGS)
        self.unpackings = Turns(seconds=UNPACK_SECONDS)
        self.leaving = False  # each response is the last of its connection

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Go on with this; what is not done when the gateway stops is waited for."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def become(self, app: ASGIApp) -> None:
        """Serve another application from the next request on."""
        self.app, self.begin, self.begin_early = app, _begin(app), _begin_early(app)

    def serving(self, app: ASGIApp) -> "HttpServer":
        """The same with another application, and not leaving."""
        other = HttpServer(
            app, self.limits, self.admission, self.websockets, self.upgrade, self.access
        )
        other.response = self.response
        other.state, other.connections, other.tasks = self.state, self.connections, self.tasks
        other.turns, other.goings = self.turns, self.goings
        other.starts, other.unpackings = self.starts, self.unpackings
        return other


def _begin(app: object) -> Callable[[Scope, bytes, Client], bool] | None:
    return app.begin if isinstance(app, TakesWhole) else None


def _begin_early(app: object) -> Callable[[Scope, Upload, Client], bool] | None:
    return app.begin_early if isinstance(app, TakesEarly) else None
