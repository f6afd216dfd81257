"""A network between a worker and the gateway that can be cut without a word to either side.

Where this process may make network namespaces, the worker runs in one whose packets a filter
drops. Elsewhere it goes through a relay in this process that stops passing bytes on.
"""

import asyncio
import os
import subprocess
from contextlib import suppress
from typing import Protocol

ALL = "{ type filter hook %s priority 0; policy drop; };"
DROP = "add table inet soak; " + "".join(
    f"add chain inet soak {hook} {ALL % hook} " for hook in ("input", "output")
)
SHELL_SECONDS = 20


class Wire(Protocol):
    """What is between a worker and the gateway."""

    about: str
    host: str  # where the gateway's private ports listen

    def command(self, *command: str) -> tuple[str, ...]:
        """What starts this program at the far end."""

    async def address(self, port: int) -> str:
        """What the far end dials to reach this private port."""

    def cut(self) -> None:
        """From now on nothing gets through, in either direction."""

    def mend(self) -> None:
        """What is sent again from now on gets through."""

    def close(self) -> None:
        """Take it down."""


class Namespace:
    """A network namespace with one cable to this one. Raises OSError if it cannot be had."""

    about = "packets dropped in a network namespace"

    def __init__(self) -> None:
        number = os.getpid() % 16_000
        # 198.18.0.0/15 is for tests of networks (RFC 2544); four addresses for each process.
        base = f"198.18.{number // 64}."
        self.host, far = (f"{base}{number % 64 * 4 + last}" for last in (1, 2))
        self._name = f"soak{os.getpid()}"  # of the namespace, and of the cable's near end
        try:
            _run(f"ip netns add {self._name}")
            _run(f"ip link add {self._name} type veth peer name far netns {self._name}")
            _run(f"ip addr add {self.host}/30 dev {self._name}")
            _run(f"ip link set {self._name} up")
            _run(f"ip -n {self._name} addr add {far}/30 dev far")
            _run(f"ip -n {self._name} link set far up")
            self.cut()
            self.mend()
        except OSError:
            self.close()
            raise

    def command(self, *command: str) -> tuple[str, ...]:
        """See Wire."""
        return ("ip", "netns", "exec", self._name, *command)

    async def address(self, port: int) -> str:
        """See Wire."""
        return f"{self.host}:{port}"

    def cut(self) -> None:
        """See Wire."""
        _run(f"ip netns exec {self._name} nft {DROP}")

    def mend(self) -> None:
        """See Wire."""
        _run(f"ip netns exec {self._name} nft delete table inet soak")

    def close(self) -> None:
        """See Wire."""
        with suppress(OSError):
            _run(f"ip netns del {self._name}")


class Relay:
    """Passes bytes on between sockets of this machine."""

    about = "a relay that passes nothing on"
    host = "127.0.0.1"

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._servers: list[asyncio.Server] = []
        self._ports: dict[int, int] = {}

    def command(self, *command: str) -> tuple[str, ...]:
        """See Wire."""
        return command

    async def address(self, port: int) -> str:
        """See Wire."""
        if port not in self._ports:

            async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    far = await asyncio.open_connection(self.host, port)
                except OSError:  # nobody is there now
                    writer.close()
                    return
                await asyncio.gather(self._pass(reader, far[1]), self._pass(far[0], writer))

            server = await asyncio.start_server(meet, self.host, 0)
            self._servers.append(server)
            self._ports[port] = server.sockets[0].getsockname()[1]
        return f"{self.host}:{self._ports[port]}"

    def cut(self) -> None:
        """See Wire."""
        self._open.clear()

    def mend(self) -> None:
        """See Wire."""
        self._open.set()

    def close(self) -> None:
        """See Wire."""
        for server in self._servers:
            server.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction; an end is passed on, too, when it is its turn."""
        with suppress(OSError):
            while data := await reader.read(64 * 1024):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        await self._open.wait()
        writer.close()


def lay() -> Wire:
    """The best wire that can be had here. Call it on the event loop."""
    try:
        return Namespace()
    except OSError:
        return Relay()


def _run(command: str) -> None:
    try:
        subprocess.run(command.split(), check=True, capture_output=True, timeout=SHELL_SECONDS)
    except subprocess.SubprocessError as error:
        raise OSError(f"{command}: {error}") from error
