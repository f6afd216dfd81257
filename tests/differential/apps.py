"""The applications that are compared, each served by its usual server and through Prack."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from tests.acceptance.processes import OVER, PYTHON, Gateway, Launcher, Process

# How a worker is reached: over each transport, and over frames behind two brokers in a row; and a
# worker beside the application's usual server.
TWICE, BESIDE = "twice", "beside"
WAYS = (*OVER, TWICE, BESIDE)

UVICORN = ("uvicorn", "--port=0", "--http=httptools", "--no-proxy-headers", "--no-access-log")
GUNICORN = (
    *("gunicorn", "--bind=127.0.0.1:0", "--worker-class=gthread", "--threads=4"),
    *("--forwarded-allow-ips=", "--no-control-socket"),
)
# Both Django processes take each other's sessions.
ENVIRONMENT = {"SECRET_KEY": "known to both"}


@dataclass(frozen=True)
class App:
    """An application, what serves it without Prack, and a page of it that says 200."""

    name: str
    server: tuple[str, ...]
    alive: str


APPS = {
    "asgi": App("tests.differential.corners:app", UVICORN, "/plain"),
    "wsgi": App("tests.differential.corners_wsgi:app", GUNICORN, "/plain"),
    "httpbin": App("httpbin:app", GUNICORN, "/robots.txt"),
    "starlette": App("examples.starlette_stream:app", UVICORN, "/ticks/0"),
    "django": App("examples.django_site:application", GUNICORN, "/squares/1/"),
}
# Its workers also get the requests that name no host.
DEFAULT = "asgi"


@dataclass
class Servers:
    """The port of each application's own server, and the gateway of each way."""

    direct: dict[str, int]
    gateways: dict[str, Gateway]


def carrier(way: str) -> str:
    """The transport of this way."""
    return way if way in OVER else "prack"


def kind(way: str) -> str:
    """What deviates alike: the two carriers of streams do."""
    return way if way in ("rest", BESIDE) else "stream"


def host(app: str) -> str:
    """What clients call it; Django wants to know its hosts."""
    return f"{app}.localhost"


def serve(launcher: Launcher) -> Servers:
    """Start everything, at once."""
    with ThreadPoolExecutor() as pool:
        direct = {name: pool.submit(_direct, launcher, name) for name in APPS}
        gateways = dict(zip(WAYS, pool.map(partial(_gateway, launcher), WAYS), strict=True))
        pairs = [(name, over) for name in APPS for over in WAYS]
        workers = [
            pool.submit(start_worker, launcher, gateways[over], name, over) for name, over in pairs
        ]
        for worker in workers:
            worker.result().line("Connected to")
        ports = {name: _port(found.result()) for name, found in direct.items()}
    return Servers(ports, gateways)


def _port(server: Process) -> int:
    return int(server.line(r"http://127\.0\.0\.1:(\d+)")[1])


def _direct(launcher: Launcher, name: str) -> Process:
    app = APPS[name]
    return launcher.process(PYTHON, "-m", *app.server, app.name, env=ENVIRONMENT)


def _gateway(launcher: Launcher, way: str) -> Gateway:
    if way == TWICE:
        return launcher.gateway(program="tests.differential.twice")
    return launcher.gateway()


def start_worker(launcher: Launcher, gateway: Gateway, name: str, over: str) -> Process:
    """One application through Prack; it says when it is connected."""
    route = "*" if name == DEFAULT else f"{host(name)}/"
    flags = ("--gateway", gateway.url(carrier(over)), "--route", route)
    app: tuple[str, ...] = (APPS[name].name,)
    if over == BESIDE:
        app = ("--proxy", f"http://127.0.0.1:{_port(_direct(launcher, name))}")
    command = ("prack_worker", *app, *flags)
    return launcher.process(PYTHON, "-m", *command, env=ENVIRONMENT)
