"""What `make run` does: a gateway, a demo worker, and a clean end with Ctrl-C."""

import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from time import monotonic, sleep

PUBLIC = "http://127.0.0.1:8080"
START_SECONDS = 20.0
ROOT = Path(__file__).resolve().parent.parent

READY = f"""
  Prack is up.

    {PUBLIC}/          the demo worker, through the gateway
    http://127.0.0.1:4242/docs      the REST worker API

  Try:   curl {PUBLIC}/hello
  Stop:  Ctrl-C
"""


def start(*command: str) -> subprocess.Popen[bytes]:
    """One of the two processes, in a group of its own: Ctrl-C must reach them in order."""
    return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, start_new_session=True)


def wait_until_served(processes: list[subprocess.Popen[bytes]]) -> bool:
    """True once the demo answers, False if a process has ended or it takes too long."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline and all(process.poll() is None for process in processes):
        try:
            with urllib.request.urlopen(f"{PUBLIC}/hello", timeout=2):  # noqa: S310
                return True
        except OSError:
            sleep(0.1)
    return False


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ask it to finish what it holds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    return process.wait()


def main() -> int:
    """Run until Ctrl-C, or until one of the two ends."""
    gateway = start("prack_grpc", "serve", *sys.argv[1:])
    worker = start("prack_worker", "examples.demo:app")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if wait_until_served([gateway, worker]):
            print(READY, flush=True)
            gateway.wait()
    except KeyboardInterrupt:
        print("\n  Stopping: the worker finishes what it holds, then the gateway.", flush=True)
    worker_code = stop(worker)
    return stop(gateway) or worker_code


if __name__ == "__main__":
    sys.exit(main())
