"""Real NATS servers on this machine: one, or a cluster."""

import signal
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.acceptance.processes import Launcher, Process, free_ports
from tests.support.tools import needed

COMMAND = "make nats"


class NatsServers:
    """Servers of one cluster, each a process that can be killed, stopped and started again."""

    def __init__(
        self,
        launch: Launcher,
        folder: Path,
        count: int,
        *flags: str,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._env = env
        self._program = needed("nats-server", built_by=COMMAND)
        self._launch, self._folder, self._flags = launch, folder, flags
        ports = free_ports(2 * count)
        self.ports, self._routes = ports[:count], ports[count:]
        self.processes: list[Process] = []
        for number in range(count):
            self.processes.append(self._process(number))
        self._ready(range(count))

    @property
    def urls(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple(f"nats://127.0.0.1:{port}" for port in self.ports)

    def kill(self, *numbers: int) -> None:
        """Kill -9."""
        for number in numbers:
            self.processes[number].kill()

    def restart(self, *numbers: int) -> None:
        """Start these again, at the ports that they had."""
        for number in numbers:
            self.processes[number] = self._process(number)
        self._ready(numbers)

    def signal(self, number: int, sent: signal.Signals) -> None:
        """Send a signal to one."""
        self.processes[number].send(sent)

    def _process(self, number: int) -> Process:
        port = ("-a", "127.0.0.1", "-p", str(self.ports[number]), "-n", f"server{number}")
        command = (self._program, *port, *self._cluster(number), *self._flags)
        return self._launch.process(*command, env=self._env)

    def _cluster(self, number: int) -> Sequence[str]:
        store = ("-sd", str(self._folder / f"nats{number}"))
        if len(self.ports) == 1:
            return store
        routes = [f"nats://127.0.0.1:{port}" for port in self._routes]
        own = ("--cluster_name", "tests", "--cluster", routes[number])
        return (*store, *own, "--routes", ",".join(routes))

    def _ready(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.processes[number].line("Server is ready")
