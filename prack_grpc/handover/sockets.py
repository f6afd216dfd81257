"""The listening sockets that a gateway can pass on: public, rest, admin and control."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sockets:
    """Sockets by name.

    `given` came from outside: from systemd or a predecessor. Those in `kept` stay open without us,
    because systemd holds them. `open` are the ones in use.
    """

    given: Mapping[str, socket.socket] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    open: dict[str, socket.socket] = field(default_factory=dict)

    def take(self, name: str, make: Callable[[], socket.socket]) -> socket.socket:
        """The socket that was given, or else a new one."""
        self.open[name] = self.given[name] if name in self.given else make()
        return self.open[name]
