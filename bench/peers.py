"""How those are started whose servers dial in, as Prack's workers do."""

from pathlib import Path
from string import Template

from bench.contender import ASGI, Contender, Setup
from bench.others import alone, uvicorn
from bench.processes import Part
from prack_worker.proxy.address import free_port

# A tunnel of TCP: one service, one server.
RATHOLE = Template("""\
[server]
bind_addr = "127.0.0.1:$private"
[server.services.app]
nodelay = true
token = "loopback"
bind_addr = "127.0.0.1:$port"
[client]
remote_addr = "127.0.0.1:$private"
[client.services.app]
nodelay = true
token = "loopback"
local_addr = "127.0.0.1:$server"
""")


def _cranker(setup: Setup, port: int, folder: Path) -> list[Part]:
    """A router, and beside each uvicorn a connector; see bench/cranker."""
    private = free_port()
    router = ["cranker", "router", str(port), str(private)]
    parts = [Part("front", router, url=f"http://127.0.0.1:{port}/")]
    for _ in range(setup.copies):
        server = free_port()
        parts += alone(uvicorn)(setup, server, folder)
        urls = (f"ws://127.0.0.1:{private}", f"http://127.0.0.1:{server}")
        parts.append(Part("app", ["cranker", "connector", *urls]))
    return parts


def _rathole(setup: Setup, port: int, folder: Path) -> list[Part]:
    server, config = free_port(), folder / "rathole.toml"
    config.write_text(RATHOLE.substitute(private=free_port(), port=port, server=server))
    return [
        *alone(uvicorn)(setup, server, folder),
        Part("front", ["rathole", "--server", str(config)], url=f"http://127.0.0.1:{port}/"),
        Part("app", ["rathole", "--client", str(config)]),
    ]


PEERS = (
    Contender("cranker", "Cranker: router and connector -> uvicorn", _cranker, "cranker", ASGI),
    Contender("rathole", "rathole, a tunnel of TCP -> uvicorn", _rathole, "rathole", ASGI),
)
