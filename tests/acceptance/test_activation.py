"""Gateways whose ports systemd has opened, and opens again for the next one."""

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.acceptance.processes import PYTHON, SECONDS, Launcher, Process, connected, fetch
from tests.support.certificates import Authority

# What systemd does before it starts a service with sockets; the descriptors come first.
ACTIVATE = """
import os, sys
numbers = sys.argv[1].split(",")
for place, number in enumerate(numbers, 3):
    os.dup2(int(number), place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(numbers)))
os.execv(sys.executable, [sys.executable, "-m", "prack_grpc", *sys.argv[2:]])
"""


def activated(
    launch: Launcher, names: str, *sockets: socket.socket, flags: Sequence[str] = ()
) -> Process:
    """A gateway that is given these sockets."""
    numbers = [sock.fileno() for sock in sockets]
    given = ",".join(map(str, numbers))
    ports = ("--port", "1", "--api-port", "0", "--grpc-port", "0")
    command = (PYTHON, "-c", ACTIVATE, given, "serve", *ports, *flags)
    return launch.process(*command, env={"LISTEN_FDNAMES": names}, fds=numbers)


async def test_a_socket_of_systemd_outlives_the_gateway(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as public, socket.socket() as rest:
        rest.bind(("127.0.0.1", 0))
        rest.listen()
        port, api_port = public.getsockname()[1], rest.getsockname()[1]
        first = activated(launch, "public:rest", public, rest)
        first.line(f"Public port on http://127.0.0.1:{port}")
        assert fetch(api_port, "/readyz").status == 200
        assert first.stop() == 0
        async with connected(port) as client:
            await client.get(b"*", method=b"OPTIONS")
            second = activated(launch, "public:rest", public, rest)
            second.line("Public port on")
            assert (await client.response()).status == 204


def test_sockets_of_systemd_speak_tls(launch: Launcher, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    shown, client = authority.issue("IP:127.0.0.1"), authority.client()
    flags = (*shown.flags(), *shown.flags("api-tls"))
    with socket.create_server(("127.0.0.1", 0)) as public, ThreadPoolExecutor(1) as pool:
        with socket.create_server(("127.0.0.1", 0)) as rest:
            port, api_port = public.getsockname()[1], rest.getsockname()[1]
            first = activated(launch, "public:rest", public, rest, flags=flags)
            first.line(f"Public port on https://127.0.0.1:{port}")
            assert fetch(api_port, "/readyz", tls=client).status == 200
            assert first.stop() == 0
            # Its handshake waits in the kernel for the next gateway.
            early = pool.submit(fetch, port, "*", "OPTIONS", tls=client)
            second = activated(launch, "public:rest", public, rest, flags=flags)
            second.line("Public port on https")
            assert early.result(SECONDS).status == 204
            assert fetch(port, "*", "OPTIONS", tls=client).status == 204


def test_a_socket_with_another_name_is_refused(launch: Launcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as public:
        gateway = activated(launch, "prack.socket", public)
        assert gateway.wait() == 2
        gateway.line("FileDescriptorName= of the .socket units to public")
