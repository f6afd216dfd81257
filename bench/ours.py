"""How Prack is started: a gateway, and workers in one way or the other."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.apps import APPS
from bench.contender import ASGI, Build, Contender, Setup
from bench.languages import LANGUAGES, Language
from bench.processes import Part
from bench.tools import COMPILED
from prack_worker.proxy.address import free_port

QUIET = "--no-access-log"
BLIND = "--no-metrics"
INTERPRETED = sys.executable, "-m", "prack_grpc"


def _computing(count: int) -> Build:
    """A gateway, and a worker of so many processes."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, QUIET)
        return [gateway, _worker(setup, "prack", ports, f"--processes={count}")]

    return build


def _prack(over: str, *flags: str, program: Sequence[str] = INTERPRETED) -> Build:
    """A gateway and workers; `over` is the scheme of the URL that they dial."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, *flags, program=program)
        return [gateway, *[_worker(setup, over, ports)] * setup.copies]

    return build


def _worker(setup: Setup, over: str, ports: dict[str, int], *flags: str) -> Part:
    command = [sys.executable, "-m", "prack_worker", APPS[setup.app].target, *flags]
    command += [f"--gateway={over}://127.0.0.1:{ports[over]}"]
    command += [f"--slots={setup.slots}"] if setup.slots else []
    return Part("app", command, says="Connected to")


def _watched(setup: Setup, port: int, folder: Path) -> list[Part]:
    """Prack as it comes, and somebody who looks at its figures; see viewer.py."""
    admin = free_port()
    parts = _prack("prack", QUIET, f"--admin-port={admin}")(setup, port, folder)
    viewer = [sys.executable, "-m", "bench.viewer", str(admin)]
    return [*parts, Part("viewer", viewer, says="the page is open")]


def _processes(count: int, program: Sequence[str] = INTERPRETED) -> Build:
    """A gateway of so many processes."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        admin = free_port()
        flags = (QUIET, f"--processes={count}", f"--admin-port={admin}")
        gateway, ports = _gateway(port, *flags, program=program)
        gateway = replace(gateway, url=f"http://127.0.0.1:{admin}/")
        return [gateway, *[_worker(setup, "prack", ports)] * setup.copies]

    return build


def _over_nats(setup: Setup, port: int, folder: Path) -> list[Part]:
    """Two gateways that meet on NATS: clients come to the first, workers to the second."""
    bus, kept = free_port(), str(folder / "nats")
    server = ["nats-server", "-a", "127.0.0.1", "-p", str(bus), "-js", "-sd", kept]
    meet = (QUIET, f"--nats=nats://127.0.0.1:{bus}", "--cluster=bench")
    owner, _ = _gateway(port, *meet)
    host, ports = _gateway(free_port(), *meet)
    workers = [_worker(setup, "prack", ports)] * setup.copies
    return [Part("bus", server, says="Server is ready"), owner, host, *workers]


def _fleet(over: str) -> Build:
    """A gateway, and as many workers as the setup says in one process; see fleet.py."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, QUIET)
        fleet = [sys.executable, "-m", "bench.fleet", over, str(ports[over]), str(setup.copies)]
        return [gateway, Part("app", fleet, says="connected")]

    return build


def _prack_by_hand(mode: str) -> Build:
    """A gateway and a worker that speaks REST itself; see rest_worker.py."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, QUIET)
        worker = [sys.executable, "-m", "bench.rest_worker", mode, str(ports["http"])]
        return [gateway, Part("app", worker)]

    return build


def _language(language: Language) -> Build:
    """A gateway and a worker in another language; it finds its gateway in a variable."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, QUIET)
        url = f"{language.over}://127.0.0.1:{ports[language.over]}"
        worker = ["env", f"PRACK_GATEWAY={url}", *language.command()]
        return [gateway, Part("app", worker, says="Connected to")]

    return build


def _gateway(
    port: int, *flags: str, program: Sequence[str] = INTERPRETED
) -> tuple[Part, dict[str, int]]:
    rest, grpc = free_port(), free_port()
    ports = {"prack": rest, "http": rest, "grpc": grpc}  # by the scheme of the worker's URL
    command = [*program, "serve", "--host=127.0.0.1", f"--port={port}"]
    command += [f"--api-port={rest}", f"--grpc-port={grpc}", "--admin-port=0"]
    # All clients come from one address.
    command += ["--max-connections-per-client=10000", *flags]
    return Part("front", command, says="Public port on"), ports


OURS = (
    Contender(
        "prack", "Prack, prack-worker as it comes: the plain carrier", _prack("prack", QUIET)
    ),
    Contender(
        "prack-compiled",
        "Prack as it comes, its gateway compiled",
        _prack("prack", QUIET, program=(COMPILED,)),
        COMPILED,
    ),
    Contender("prack-grpc", "Prack, prack-worker over gRPC", _prack("grpc", QUIET)),
    Contender("prack-rest", "Prack, prack-worker over REST", _prack("http", QUIET)),
    Contender("prack-logged", "Prack as it comes, with its access log", _prack("prack")),
    Contender("prack-blind", "Prack without figures", _prack("prack", QUIET, BLIND)),
    Contender("prack-blind-too", "the same again", _prack("prack", QUIET, BLIND)),
    Contender("prack-watched", "Prack whose page is open", _watched),
    Contender("worker-one", "Prack, a worker of one process", _computing(1)),
    Contender("worker-two", "Prack, a worker of two processes", _computing(2)),
    Contender("prack-two", "Prack, two processes", _processes(2)),
    Contender("prack-four", "Prack, four processes", _processes(4)),
    Contender(
        "prack-apart",
        "Prack, two processes, clients at the one and workers at the other",
        _processes(2, (sys.executable, "-m", "tests.acceptance.apart")),
    ),
    Contender(
        "prack-nats",
        "Prack, two gateways on NATS, clients at the one and workers at the other",
        _over_nats,
        "nats-server",
    ),
    Contender(
        "prack-rest-one",
        "Prack, 16 plain pollers: one request, one answer, and again",
        _prack_by_hand("one"),
        serves=ASGI,
    ),
    Contender(
        "prack-rest-exchange",
        "Prack, 4 pollers with batches (/api/v1/exchange)",
        _prack_by_hand("exchange"),
        serves=ASGI,
    ),
    Contender(
        "prack-raw",
        "Prack, worker over raw REST, streamed",
        _prack_by_hand("raw"),
        serves=ASGI,
    ),
    Contender(
        "prack-fleet",
        "Prack, many workers in one process, over the plain carrier",
        _fleet("prack"),
        serves=ASGI,
    ),
    Contender(
        "prack-fleet-grpc",
        "the same over gRPC",
        _fleet("grpc"),
        serves=ASGI,
    ),
    *(
        Contender(name, f"Prack, {one.about}", _language(one), one.needs, ASGI)
        for name, one in LANGUAGES.items()
    ),
)
