"""How what people use today is started: application servers, alone and behind proxies."""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import proxies
from bench.apps import APPS
from bench.contender import ASGI, Build, Contender, Setup
from bench.processes import Part
from prack_worker.proxy.address import free_port

Server = Callable[[Setup, int], list[str]]
THREADS = "8"  # of a WSGI server: as many as Prack's worker has


def alone(server: Server) -> Build:
    """The server itself is asked."""

    def build(setup: Setup, port: int, _: Path) -> list[Part]:
        return [Part("app", server(setup, port), url=f"http://127.0.0.1:{port}/")]

    return build


def behind(proxy: Callable[..., list[str]], server: Server, *options: str) -> Build:
    """As many servers as the setup says, behind a proxy with these options."""

    def build(setup: Setup, port: int, folder: Path) -> list[Part]:
        ports = [free_port() for _ in range(setup.copies)]
        parts = [part for inner in ports for part in alone(server)(setup, inner, folder)]
        command = proxy(folder / "proxy", port, ports, *options)
        return [*parts, Part("front", command, url=f"http://127.0.0.1:{port}/")]

    return build


def uvicorn(setup: Setup, port: int, workers: int = 1) -> list[str]:
    """The command of a uvicorn with so many processes."""
    flags = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning"]
    flags += ["--timeout-keep-alive=75", f"--workers={workers}"]
    return [sys.executable, "-m", "uvicorn", APPS[setup.app].target, *flags]


def gunicorn(setup: Setup, port: int, workers: int = 1) -> list[str]:
    """The same of gunicorn."""
    app = APPS[setup.app]
    kind = ["-k", "asgi"] if app.interface == "asgi" else ["-k", "gthread", "--threads", THREADS]
    flags = ("-b", f"127.0.0.1:{port}", "--log-level=warning", "--keep-alive=75", *kind)
    command = [sys.executable, "-m", "gunicorn", "--no-control-socket", f"--workers={workers}"]
    return [*command, *flags, app.target]


def granian(setup: Setup, port: int, workers: int = 1) -> list[str]:
    """The same of Granian."""
    app = APPS[setup.app]
    threads = ["--blocking-threads", THREADS] if app.interface == "wsgi" else []
    flags = ("--host=127.0.0.1", f"--port={port}", "--log-level=warning", "--no-ws", *threads)
    command = [sys.executable, "-m", "granian", f"--interface={app.interface}"]
    return [*command, f"--workers={workers}", *flags, app.target]


def _two(server: Callable[..., list[str]]) -> Server:
    return partial(server, workers=2)


LEAST = "least_conn;"
STREAMING = "proxy_buffering off; proxy_request_buffering off;"
OTHERS = (
    Contender("uvicorn", "direct uvicorn (uvloop, httptools)", alone(uvicorn), serves=ASGI),
    Contender(
        "nginx",
        "nginx -> uvicorn, kept-alive connections, round robin",
        behind(proxies.nginx, uvicorn),
        "nginx",
        ASGI,
    ),
    Contender(
        "nginx-least",
        "nginx with least_conn -> uvicorn",
        behind(proxies.nginx, uvicorn, LEAST),
        "nginx",
        ASGI,
    ),
    Contender(
        "nginx-streaming",
        "nginx -> uvicorn, without buffering of bodies",
        behind(proxies.nginx, uvicorn, "", STREAMING),
        "nginx",
        ASGI,
    ),
    Contender(
        "nginx-two",
        "nginx -> uvicorn --workers 2",
        behind(proxies.nginx, _two(uvicorn)),
        "nginx",
        ASGI,
    ),
    Contender(
        "haproxy",
        "HAProxy with leastconn -> uvicorn",
        behind(proxies.haproxy, uvicorn),
        "haproxy",
        ASGI,
    ),
    Contender(
        "haproxy-queue",
        "HAProxy that was told that each server takes one request at a time (maxconn 1)",
        behind(proxies.haproxy, uvicorn, "maxconn 1"),
        "haproxy",
        ASGI,
    ),
    Contender(
        "haproxy-streaming",
        "HAProxy -> uvicorn, without collecting small chunks (http-no-delay)",
        behind(proxies.haproxy, uvicorn, "", "option http-no-delay"),
        "haproxy",
        ASGI,
    ),
    Contender(
        "caddy",
        "Caddy with least_conn -> uvicorn",
        behind(proxies.caddy, uvicorn),
        "caddy",
        ASGI,
    ),
    Contender(
        "traefik",
        "Traefik, the less busy of two at random (p2c) -> uvicorn",
        behind(proxies.traefik, uvicorn),
        "traefik",
        ASGI,
    ),
    Contender(
        "nginx-gunicorn",
        "nginx -> gunicorn (its asgi worker; for WSGI 8 threads)",
        behind(proxies.nginx, gunicorn),
        "nginx",
    ),
    Contender(
        "nginx-gunicorn-two",
        "nginx -> gunicorn --workers 2",
        behind(proxies.nginx, _two(gunicorn)),
        "nginx",
    ),
    Contender("granian", "direct Granian (for WSGI 8 threads)", alone(granian)),
    Contender("granian-two", "direct Granian --workers 2", alone(_two(granian))),
)
