"""What is not imported until it is needed (decisions 0048 and 0061)."""

import subprocess
import sys

import pytest

from tests.acceptance.processes import SECONDS

GRPC = {"grpc_health", "h2"}
# The packages of a library, of each that most gateways never need.
LATE = {
    "acme",
    "click",
    "cryptography",
    "fastapi",
    *GRPC,
    "grpc",
    "grpc_reflection",
    "h11",
    "jwt",
    "opentelemetry.sdk",
    "prometheus_client",
    "rich",
    "sqlite3",
    "uvicorn",
    "websockets",
}
HELP = """
from prack_grpc.cli.main import main
main(["--help"])
"""
# A gateway with all its ports, whose health was asked for, and which has a stream of a worker.
IDLE = """
import asyncio, urllib.request
from prack_grpc.composition.service import Service
from prack_grpc.settings.settings import Settings

async def main():
    ports = dict.fromkeys(("port", "api_port", "grpc_port", "admin_port"), 0)
    settings = Settings.model_validate({**ports, "grpc": GRPC})
    async with Service(settings).listening() as (running, _):
        for port in running.api_port, running.admin.port:
            url = f"http://127.0.0.1:{port}/readyz"
            await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
        reader, writer = await asyncio.open_connection("127.0.0.1", running.api_port)
        writer.write(STREAM)
        assert b" 101 " in await reader.readline()
        writer.close()

asyncio.run(main())
"""
STREAM = b"""\
GET /api/v1/stream HTTP/1.1\r
Host: localhost\r
Connection: Upgrade\r
Upgrade: prack.v1\r
\r
"""


def imported(program: str) -> set[str]:
    """The modules that a process has when it has run this."""
    told = "import sys; print('modules', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{told}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_help_imports_no_library() -> None:
    modules = imported(HELP)
    assert not modules & {*LATE, "asyncio", "google", "pydantic", "ssl", "starlette"}
    assert "argparse" not in modules


@pytest.mark.parametrize("grpc", [False, True])
def test_an_idle_gateway_has_nothing_that_nobody_asked_for(grpc: bool) -> None:
    modules = imported(f"GRPC, STREAM = {grpc}, {STREAM!r}\n{IDLE}")
    assert "prack_grpc.gateway.http.connection" in modules
    assert modules & LATE == (GRPC if grpc else set())
