"""Who is compared: how each contender is started, all on free ports of the loopback address.

Every contender has one application process. Nobody writes an access log, but for
`prack-grpc-logged`.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from bench.processes import free_port, running, wait_until_served
from bench.tools import find

Commands = list[list[str]]

# Connections to the application are kept, as many as the largest run opens: without that nginx
# would spend its time on dialling.
NGINX = """\
{user}
daemon off;
worker_processes auto;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
    tcp_nodelay on;
    upstream app {{
        server 127.0.0.1:{app};
        keepalive 1024;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{public} backlog=2048;
        location / {{
            proxy_pass http://app;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Contender:
    """`commands` takes the application's name, the public port and a folder for its files."""

    name: str
    about: str
    commands: Callable[[str, int, Path], Commands]
    needs: str = ""


@dataclass(frozen=True)
class Running:
    """A contender that answers at `url`."""

    contender: Contender
    url: str
    processes: list[Popen[bytes]]


@contextmanager
def started(contender: Contender, app: str, folder: Path) -> Iterator[Running]:
    """The contender, up inside, stopped outside. Raises StartFailed."""
    port = free_port()
    url, logs = f"http://127.0.0.1:{port}/", folder / f"{contender.name}.log"
    with running(contender.commands(app, port, folder), logs) as processes:
        wait_until_served(url, processes, logs)
        yield Running(contender, url, processes)


def _uvicorn(app: str, port: int, _: Path) -> Commands:
    flags = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning"]
    return [[sys.executable, "-m", "uvicorn", f"bench.apps:{app}", *flags]]


def _nginx(app: str, port: int, folder: Path) -> Commands:
    inner = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(user=user, folder=folder, app=inner, public=port))
    nginx = [str(find("nginx")), "-p", str(folder), "-c", str(config), "-e", "stderr"]
    return [*_uvicorn(app, inner, folder), nginx]


def _prack(over: str, *flags: str) -> Callable[[str, int, Path], Commands]:
    def commands(app: str, port: int, _: Path) -> Commands:
        ports = {"http": free_port(), "grpc": free_port()}
        gateway = [sys.executable, "-m", "prack_grpc", "serve", "--host=127.0.0.1"]
        gateway += [f"--port={port}", f"--api-port={ports['http']}", f"--grpc-port={ports['grpc']}"]
        worker = [sys.executable, "-m", "prack_worker", f"bench.apps:{app}"]
        worker += [f"--gateway={over}://127.0.0.1:{ports[over]}"]
        return [[*gateway, *flags], worker]

    return commands


BASELINE = "nginx"
CONTENDERS = {
    one.name: one
    for one in (
        Contender("uvicorn", "direct uvicorn (uvloop, httptools)", _uvicorn),
        Contender("nginx", "nginx -> uvicorn, kept-alive connections", _nginx, needs="nginx"),
        Contender("prack-grpc", "Prack, worker over gRPC", _prack("grpc", "--no-access-log")),
        Contender("prack-rest", "Prack, worker over REST", _prack("http", "--no-access-log")),
        Contender("prack-grpc-logged", "Prack, gRPC, with its access log", _prack("grpc")),
    )
}
DEFAULT = ("uvicorn", "nginx", "prack-grpc", "prack-rest")
