"""Attacks through the proxies of deploy/, and how late those are by themselves."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from attack.canary import Watch
from attack.cores import only
from attack.rounds import QUIET_SECONDS, attacker
from tests.acceptance.processes import PYTHON, Process, launching
from tests.acceptance.proxies import caddy, nginx, self_signed

PROXIES = {"nginx": nginx, "caddy": caddy}
ROUNDS, SECONDS = 5, 4.0


@contextmanager
def public(server: int, proxy: str) -> Iterator[int]:
    """The port that clients use: that of the server, or of a proxy before it."""
    if not proxy:
        yield server
        return
    with TemporaryDirectory() as name, launching(folder := Path(name)) as launcher:
        yield PROXIES[proxy](launcher, folder, server, self_signed(folder))


def without_prack(
    proxy: str, kind: str, core: set[int], rounds: int = ROUNDS, seconds: float = SECONDS
) -> Watch:
    """The same attack, where a server on this core makes nobody wait."""
    with only(core):
        stub = Process(PYTHON, "-m", "attack.stub")
    try:
        with public(int(stub.line(r"port: (\d+)")[1]), proxy) as port:
            watch = Watch.of(port, tls=True)
            with watch.alone:
                time.sleep(QUIET_SECONDS)
            for _ in range(rounds):
                with attacker(kind, (port, port, port), True, []), watch.beside:
                    time.sleep(seconds)
            return watch
    finally:
        stub.kill()
