"""Who is compared, and how each is started: on free ports of the loopback address.

Everybody runs the same application in one process, or in as many as the setup says. Nobody writes
an access log, but for `prack-logged`.
"""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench import proxies
from bench.apps import APPS
from bench.console import say
from bench.languages import LANGUAGES, Language
from bench.processes import (
    Part,
    Process,
    StartFailed,
    answers,
    running,
    wait_until_ready,
)
from bench.tools import provide
from prack_worker.proxy.address import free_port


@dataclass(frozen=True)
class Setup:
    """What a measurement wants to be served: `app` is one of APPS, in so many processes.

    `slots` is for Prack's workers, 0 for what they take by themselves.
    """

    app: str = "hello"
    copies: int = 1
    slots: int = 0


QUIET = "--no-access-log"
BLIND = "--no-metrics"
Build = Callable[[Setup, int, Path], list[Part]]


@dataclass(frozen=True)
class Contender:
    """`build` takes the setup, the public port and a folder that does not exist yet."""

    name: str
    about: str
    build: Build
    needs: str = ""
    serves: tuple[str, ...] = ("asgi", "wsgi")


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


# ---------------------------------------------------------------- how each is built


def _server(command: Callable[[Setup, int], list[str]]) -> Build:
    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        return [Part("app", command(setup, port), url=f"http://127.0.0.1:{port}/")]

    return build


def _uvicorn(setup: Setup, port: int) -> list[str]:
    flags = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning"]
    target = APPS[setup.app].target
    return [sys.executable, "-m", "uvicorn", target, *flags, "--timeout-keep-alive=75"]


def _gunicorn(setup: Setup, port: int, *flags: str) -> list[str]:
    app = APPS[setup.app]
    # As many threads as Prack's worker has.
    kind = ["-k", "asgi"] if app.interface == "asgi" else ["-k", "gthread", "--threads", "8"]
    flags = ("-b", f"127.0.0.1:{port}", "--log-level=warning", "--keep-alive=75", *kind, *flags)
    return [sys.executable, "-m", "gunicorn", "--no-control-socket", *flags, app.target]


def _behind(
    proxy: Callable[..., list[str]], server: Callable[[Setup, int], list[str]], *options: str
) -> Build:
    def build(setup: Setup, port: int, folder: Path) -> list[Part]:
        ports = [free_port() for _ in range(setup.copies)]
        parts = [part for inner in ports for part in _server(server)(setup, inner, folder)]
        return [*parts, Part("front", proxy(folder / "proxy", port, ports, *options))]

    return build


def _computing(count: int) -> Build:
    """A gateway, and a worker of so many processes."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, QUIET)
        return [gateway, _worker(setup, "prack", ports, f"--processes={count}")]

    return build


def _prack(over: str, *flags: str) -> Build:
    """A gateway and workers; `over` is the scheme of the URL that they dial."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        gateway, ports = _gateway(port, *flags)
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


def _processes(count: int, module: str = "prack_grpc") -> Build:
    """A gateway of so many processes."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        admin = free_port()
        flags = (QUIET, f"--processes={count}", f"--admin-port={admin}")
        gateway, ports = _gateway(port, *flags, module=module)
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


def _gateway(port: int, *flags: str, module: str = "prack_grpc") -> tuple[Part, dict[str, int]]:
    rest, grpc = free_port(), free_port()
    ports = {"prack": rest, "http": rest, "grpc": grpc}  # by the scheme of the worker's URL
    command = [sys.executable, "-m", module, "serve", "--host=127.0.0.1", f"--port={port}"]
    command += [f"--api-port={rest}", f"--grpc-port={grpc}", "--admin-port=0"]
    # All clients come from one address.
    command += ["--max-connections-per-client=10000", *flags]
    return Part("front", command, says="Public port on"), ports


LEAST = "least_conn;"
STREAMING = "proxy_buffering off; proxy_request_buffering off;"
ASGI, WSGI = ("asgi",), ("wsgi",)
CONTENDERS = {
    one.name: one
    for one in (
        Contender("uvicorn", "direct uvicorn (uvloop, httptools)", _server(_uvicorn), serves=ASGI),
        Contender(
            "nginx",
            "nginx -> uvicorn, kept-alive connections, round robin",
            _behind(proxies.nginx, _uvicorn),
            "nginx",
            ASGI,
        ),
        Contender(
            "nginx-least",
            "nginx with least_conn -> uvicorn",
            _behind(proxies.nginx, _uvicorn, LEAST),
            "nginx",
            ASGI,
        ),
        Contender(
            "nginx-streaming",
            "nginx -> uvicorn, without buffering of bodies",
            _behind(proxies.nginx, _uvicorn, "", STREAMING),
            "nginx",
            ASGI,
        ),
        Contender(
            "haproxy",
            "HAProxy with leastconn -> uvicorn",
            _behind(proxies.haproxy, _uvicorn),
            "haproxy",
            ASGI,
        ),
        Contender(
            "haproxy-queue",
            "HAProxy that was told that each server takes one request at a time (maxconn 1)",
            _behind(proxies.haproxy, _uvicorn, "maxconn 1"),
            "haproxy",
            ASGI,
        ),
        Contender(
            "haproxy-streaming",
            "HAProxy -> uvicorn, without collecting small chunks (http-no-delay)",
            _behind(proxies.haproxy, _uvicorn, "", "option http-no-delay"),
            "haproxy",
            ASGI,
        ),
        Contender(
            "nginx-gunicorn",
            "nginx -> gunicorn (its asgi worker; for WSGI 8 threads)",
            _behind(proxies.nginx, _gunicorn),
            "nginx",
        ),
        Contender(
            "prack", "Prack, prack-worker as it comes: the plain carrier", _prack("prack", QUIET)
        ),
        Contender("prack-grpc", "Prack, prack-worker over gRPC", _prack("grpc", QUIET)),
        Contender("prack-rest", "Prack, prack-worker over REST", _prack("http", QUIET)),
        Contender("prack-logged", "Prack as it comes, with its access log", _prack("prack")),
        Contender("prack-blind", "Prack without figures", _prack("prack", QUIET, BLIND)),
        Contender("prack-blind-too", "the same again", _prack("prack", QUIET, BLIND)),
        Contender("prack-watched", "Prack whose page is open", _watched),
        Contender("worker-one", "Prack, a worker of one process", _computing(1), serves=WSGI),
        Contender("worker-two", "Prack, a worker of two processes", _computing(2), serves=WSGI),
        Contender(
            "gunicorn-two",
            "direct gunicorn, two processes of 8 threads",
            _server(lambda setup, port: _gunicorn(setup, port, "--workers=2")),
            serves=WSGI,
        ),
        Contender("prack-two", "Prack, two processes", _processes(2)),
        Contender("prack-four", "Prack, four processes", _processes(4)),
        Contender(
            "prack-apart",
            "Prack, two processes, clients at the one and workers at the other",
            _processes(2, "tests.acceptance.apart"),
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
}
