"""The sockets that all processes have from their supervisor, which keeps them open.

So who has connected waits for a process that is started again, and a new supervisor has them from
the one before. By name:

- `public.1`, `public.2` ... are one address, a socket for each process (SO_REUSEPORT, socket(7)):
  one for all would leave some without connections. What systemd holds is shared, as it is one.
- `rest` is the supervisor's, which deals its connections.
- `admin` and `redirect` are shared: whoever is free first takes the next connection.
- `grpc` is only bound. It keeps the address for the processes, whose libraries bind it themselves.
"""

import socket
from dataclasses import replace
from functools import partial

from prack_grpc.handover.sockets import Sockets
from prack_grpc.listener import BACKLOG, listen
from prack_grpc.settings.settings import Settings

SHARED = ("admin", "redirect")


class Ports:
    """All sockets but those of the worker port's connections."""

    def __init__(self, settings: Settings, sockets: Sockets) -> None:
        """Open those that were not given. Raises AddressInUse.

        `settings` are then those with the number of processes, and the port of gRPC.
        """
        names = [name for name in sockets.given if name.startswith(_public(""))]
        # A predecessor's processes are as many as there will be, whatever is said now.
        settings = settings.model_copy(update={"processes": len(names) or settings.processes})
        held = sockets.given.get("public")
        numbers = range(1, settings.processes + 1)
        kept = {_public(number) for number in numbers if "public" in sockets.kept}
        self.sockets = sockets = replace(sockets, kept=sockets.kept | kept)
        host = settings.host
        if not (names or held):
            _check(host, settings.port, "port")
        make = partial(listen, host, settings.port, "port", shared=True)
        port = sockets.take(_public(1), held.dup if held else make).getsockname()[1]
        self._address = host, port
        shared = partial(listen, host, port, "port", shared=True)
        for number in numbers[1:]:
            sockets.take(_public(number), held.dup if held else shared)
        make = partial(listen, settings.api_host, settings.api_port, "api_port")
        self.rest = sockets.take("rest", make)
        sockets.take(
            "admin", partial(listen, settings.admin_host, settings.admin_port, "admin_port")
        )
        if settings.http_redirect is not None:
            sockets.take("redirect", partial(listen, host, settings.http_redirect, "http_redirect"))
        grpc_port = _grpc_port(settings, sockets) if settings.grpc else 0
        self.settings = settings.model_copy(update={"grpc_port": grpc_port})

    def of(self, number: int, rest: socket.socket) -> Sockets:
        """What the process of this number gets, with `rest` for its worker port."""
        names = {name: name for name in SHARED if name in self.sockets.open}
        names["public"] = _public(number)
        given = {name: self.sockets.open[own] for name, own in names.items()}
        kept = frozenset(name for name, own in names.items() if own in self.sockets.kept)
        return Sockets({**given, "rest": rest}, kept)

    def close(self, number: int) -> None:
        """Have the others get the clients of this process, as it is not there for a while."""
        if _public(number) not in self.sockets.kept:
            self.sockets.open[_public(number)].close()

    def open(self, number: int) -> None:
        """Undo that, up to where clients come: see `listen`. Raises OSError."""
        if self.sockets.open[_public(number)].fileno() < 0:
            self.sockets.open[_public(number)] = _bound(*self._address)

    def listen(self, number: int) -> None:
        """Have clients come to this process, which serves."""
        if _public(number) not in self.sockets.kept:
            self.sockets.open[_public(number)].listen(BACKLOG)

    def leave(self) -> None:
        """Leave to the processes what clients connect to, so that they can close it."""
        for name, sock in self.sockets.open.items():
            if name not in ("rest", "control"):
                sock.close()


def _public(number: int | str) -> str:
    return f"public.{number}"


def _grpc_port(settings: Settings, sockets: Sockets) -> int:
    """The port that is kept for gRPC. Raises AddressInUse."""
    host, port = settings.grpc_host, settings.grpc_port
    if "grpc" not in sockets.given:
        _check(host, port, "grpc_port")
    number: int = sockets.take("grpc", partial(_bound, host, port)).getsockname()[1]
    return number


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((host, port))
    return sock


def _check(host: str, port: int, setting: str) -> None:
    """Raises AddressInUse if somebody listens there.

    A socket with SO_REUSEPORT would silently share the port with that of another gateway.
    """
    listen(host, port, setting).close()
