"""Who a worker is, what it may serve, and what it says of itself."""

import re
from dataclasses import dataclass

from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.routes import Route

# Names stand in logs, paths and HTTP fields, so they hold nothing that needs an escape there.
NAME = re.compile(r"[!-~]{1,128}")
NAME_EXPECTED = "expected 1 to 128 visible ASCII characters"
# A service or a version; empty if the worker does not say.
LABEL = re.compile(r"[!-~]{0,128}")
LABEL_EXPECTED = "expected at most 128 visible ASCII characters"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whom a worker's credentials name. With one token for all, each may serve everything."""

    name: str


# Whoever has reached the worker API with the one token, or where none is asked for.
TRUSTED = Principal("worker")


@dataclass(frozen=True, slots=True)
class Profile:
    """What a worker says of itself when it joins.

    `slots` is how many exchanges it holds at most; WebSockets take `websocket_slots` in place of
    these, unless that is 0. `acknowledges` says whether it answers a cancel:
    if so, a cancelled exchange keeps its slot until then; if not, it is known by its identifier
    (`WorkerSide.find`). It is given work only while no worker of a lower `tier` is free for it.
    Of one that `collects`, a request takes no slot until its body is here (`WorkerSide.grow`). One
    that does not answer within `lease` seconds, if that is not 0, is taken for lost. It came over
    this `transport`, from this `address`.
    """

    worker: str
    slots: int
    acknowledges: bool
    routes: tuple[Route, ...] = (Route(),)
    service: str = ""
    version: str = ""
    kinds: tuple[Kind, ...] = (Kind.HTTP,)
    tier: int = 0
    lease: float = 0.0
    websocket_slots: int = 0
    collects: bool = False
    transport: str = ""
    address: str = ""
