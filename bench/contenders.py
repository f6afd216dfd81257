"""Who is compared: started on free ports of the loopback address.

Everybody runs the same application in one process, or in as many as the setup says. Nobody writes
an access log, but for `prack-logged`.
"""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.apps import APPS
from bench.console import say
from bench.contender import Contender, Setup
from bench.others import OTHERS
from bench.ours import OURS
from bench.peers import PEERS
from bench.processes import Process, StartFailed, answers, running, wait_until_ready
from bench.tools import provide
from prack_worker.proxy.address import free_port

CONTENDERS = {one.name: one for one in (*OTHERS, *PEERS, *OURS)}


@dataclass(frozen=True)
class Running:
    """A contender that is up on `port`."""

    contender: Contender
    port: int
    processes: list[Process]

    @property
    def name(self) -> str:
        """The contender's."""
        return self.contender.name

    @property
    def url(self) -> str:
        """Of its public port."""
        return f"http://127.0.0.1:{self.port}/"

    def role(self, role: str) -> list[Process]:
        """Its processes of this role."""
        return [process for process in self.processes if process.part.role == role]

    @property
    def fronts(self) -> list[Process]:
        """What clients connect to: the proxy or the gateway, or else the application itself."""
        return self.role("front") or self.role("app")


def serving(names: Iterable[str], app: str) -> list[Contender]:
    """Those of these who can serve this application."""
    found = (CONTENDERS[name] for name in names)
    return [contender for contender in found if APPS[app].interface in contender.serves]


def missing(contender: Contender) -> str:
    """Why the program that it needs is not here, and could not be installed; or nothing."""
    return provide(contender.needs) if contender.needs else ""


@contextmanager
def starting(contender: Contender, setup: Setup, folder: Path) -> Iterator[Running]:
    """The contender's processes, just started."""
    place = folder / contender.name
    place.mkdir()
    port = free_port()
    parts = contender.build(setup, port, place)
    with running(parts, place) as processes:
        yield Running(contender, port, processes)


@contextmanager
def started(names: Iterable[str], setup: Setup, folder: Path) -> Iterator[list[Running]]:
    """Those that can be started, ready inside; says who cannot, and why."""
    found = []
    with ExitStack() as stack:
        for contender in serving(names, setup.app):
            reason = missing(contender)
            try:
                if not reason:
                    one = stack.enter_context(starting(contender, setup, folder))
                    wait_until_ready(one.processes)
                    if setup.copies and not answers(one.url):
                        raise StartFailed("no answer on its public port")
                    found.append(one)
            except StartFailed as error:
                reason = f"it did not start: {error}"
            if reason:
                say(f"LEFT OUT {contender.name}: {reason}")
        yield found
