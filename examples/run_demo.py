"""What `make run` does: a gateway, a demo worker, and a clean end with Ctrl-C.

Other options than the ports go to `prack serve` as they are.
"""

import argparse
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

START_SECONDS = 20.0
ADDRESS_IN_USE = 3  # as of `prack serve`
PORTS = {"--port": 8080, "--api-port": 4242, "--grpc-port": 4243, "--admin-port": 4244}
# Whatever `http_proxy` says: both are on this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ROOT = Path(__file__).resolve().parent.parent

READY = """
  Prack is up.

    {public}/          the demo worker, through the gateway
    {admin}/          what is going on
    {api}/docs      the REST worker API

  Try:   curl {public}/hello
  Stop:  Ctrl-C
"""


def taken(port: int) -> bool:
    """True if somebody listens on this port; it would answer in place of our gateway."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def start(*command: str) -> subprocess.Popen[bytes]:
    """One of the two processes, in a group of its own: Ctrl-C must reach them in order."""
    return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, start_new_session=True)


def answers(url: str, processes: list[subprocess.Popen[bytes]]) -> bool:
    """True once this URL answers, False if a process has ended or it takes too long."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            with DIRECT.open(url, timeout=2):
                return True
        except OSError:
            sleep(0.1)
    return False


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask it to finish what it holds; another Ctrl-C insists."""
    while process.poll() is None:
        with suppress(KeyboardInterrupt):
            process.send_signal(signal.SIGTERM)
            process.wait()
    return process.returncode


def main() -> int:
    """Run until Ctrl-C, or until one of the two ends."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False, add_help=False)
    parser.add_argument("--help", action="help", help="print this help")
    for name, default in PORTS.items():
        parser.add_argument(name, type=int, default=default, metavar="PORT")
    ports, options = parser.parse_known_args()
    for name in PORTS:
        port = getattr(ports, name[2:].replace("-", "_"))
        if taken(port):
            print(f"Port {port} is taken; choose another with ARGS='{name} PORT'", file=sys.stderr)
            return ADDRESS_IN_USE
        options += [name, str(port)]
    public, api = f"http://127.0.0.1:{ports.port}", f"http://127.0.0.1:{ports.api_port}"
    admin = f"http://127.0.0.1:{ports.admin_port}"
    dial = f"prack://127.0.0.1:{ports.api_port}"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    processes = [start("prack_grpc", "serve", *options)]
    try:
        if answers(f"{api}/livez", processes):
            processes.append(start("prack_worker", "examples.demo:app", "--gateway", dial))
            if answers(f"{public}/hello", processes):
                print(READY.format(public=public, admin=admin, api=api), flush=True)
                processes[0].wait()
    except KeyboardInterrupt:
        print("\n  Stopping: the worker finishes what it holds, then the gateway.", flush=True)
    codes = [stop(process) for process in reversed(processes)]
    return next((code for code in reversed(codes) if code), 0)


if __name__ == "__main__":
    sys.exit(main())
