"""A gateway with one worker, and one attack after the other."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from attack.canary import Canary
from attack.clients import SLOTS
from attack.kinds import KINDS
from tests.acceptance.processes import BAD, PYTHON, STREAMS, Gateway, Process, launching
from tests.acceptance.proxies import caddy, nginx, self_signed

MIB = 1024 * 1024
BEFORE_SECONDS = 1.0  # of the canary alone
SETTLE_SECONDS = 40.0  # for the connections of an attack to go
LONELY_SECONDS = 0.1
CALM = 10  # looks at which nothing has changed
APP = "attack.app:app"
PROXIES = {"nginx": nginx, "caddy": caddy}


@dataclass(frozen=True)
class Plan:
    """So many rounds of each attack, of so many seconds; its worker, and a proxy of PROXIES."""

    kinds: Sequence[str]
    rounds: int
    seconds: float
    over: str = "prack"
    behind: str = ""


@dataclass(frozen=True)
class Use:
    """Bytes and descriptors of the gateway."""

    memory: int
    files: int


@dataclass(frozen=True)
class Outcome:
    """What one kind of attack has done. `lost` are workers, `bad` lines of the log."""

    kind: str
    quiet: Canary
    canary: Canary
    before: Use
    after: Use
    lost: int
    bad: Sequence[str]
    lines: int

    @property
    def failures(self) -> list[str]:
        """What must not be, whatever the machine."""
        found = []
        if self.canary.missed:
            found.append(f"the canary was not answered: {dict(Counter(self.canary.missed))}")
        if self.lost:
            found.append(f"{self.lost} lost workers")
        if self.bad:
            found.append(f"tracebacks: {self.bad[0]}")
        if self.after.files > self.before.files:
            found.append(f"descriptors: {self.before.files} before, {self.after.files} after")
        return found


def attacks(plan: Plan) -> Iterator[Outcome]:
    """The outcome of each kind, when it is there."""
    with _gateway(plan) as gateway, _public(gateway, plan.behind) as port:
        for kind in plan.kinds:
            yield _attack(gateway, port, kind, plan)


@contextmanager
def _public(gateway: Gateway, proxy: str) -> Iterator[int]:
    """The port that clients use: the gateway's, or that of a proxy."""
    if not proxy:
        yield gateway.port
        return
    with TemporaryDirectory() as name, launching(folder := Path(name)) as launcher:
        yield PROXIES[proxy](launcher, folder, gateway, self_signed(folder))


@contextmanager
def _gateway(plan: Plan) -> Iterator[Gateway]:
    """One that is ready, with a worker, and has served before."""
    trusted = ("--trusted-proxies", "127.0.0.1") if plan.behind else ()
    gateway = Gateway("--log-format", "json", *trusted)
    try:
        url = gateway.url(plan.over)
        flags = ("--gateway", url, "--slots", str(SLOTS))
        worker = Process(PYTHON, "-m", "prack_worker", APP, *flags)
        try:
            worker.line("Connected to")
            yield gateway
        finally:
            worker.kill()
    finally:
        gateway.kill()


def _attack(gateway: Gateway, port: int, kind: str, plan: Plan) -> Outcome:
    lines, tls = len(gateway.lines), bool(plan.behind)
    ports = (port, gateway.api_port, gateway.grpc_port)
    with Canary(port, tls) as quiet:
        time.sleep(BEFORE_SECONDS)
    with _attacker(kind, ports, tls):  # what is imported, compiled and grown at the first time
        time.sleep(plan.seconds)
    before = _settled(gateway, None, plan)
    canary, long = Canary(port, tls), KINDS[kind].seconds
    for _ in range(1 if long else plan.rounds):
        with _attacker(kind, ports, tls), canary:
            time.sleep(long or plan.seconds)
    after = _settled(gateway, before, plan)
    written = gateway.lines[lines:]
    mine = [line for line in written if "worker lost" in line and "attacker" not in line]
    bad = [line for line in written if BAD.search(line)]
    unasked = [line for line in written if '"action": "request"' not in line]
    return Outcome(kind, quiet, canary, before, after, len(mine), bad, len(unasked))


@contextmanager
def _attacker(kind: str, ports: Sequence[int], tls: bool) -> Iterator[None]:
    flags = ("tls",) if tls else ()
    process = Process(PYTHON, "-m", "attack.attacker", kind, *map(str, ports), *flags)
    try:
        process.line("attacking")
        yield
    finally:
        process.kill()


def _settled(gateway: Gateway, before: Use | None, plan: Plan) -> Use:
    """What it uses when the connections of an attack have gone, or at the deadline.

    Polls and proxies have connections of their own, which come and go: then it is enough that
    their number stays the same for a while.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    known = plan.over in STREAMS and not plan.behind
    use, calm = _use(gateway), 0
    while time.monotonic() < deadline:
        time.sleep(LONELY_SECONDS)
        earlier, use = use, _use(gateway)
        enough = before.files if before else earlier.files
        calm = calm + 1 if use.files <= enough and use.files == earlier.files else 0
        if calm and _is_alone(gateway) if known else calm == CALM:
            break
    return use


def _use(gateway: Gateway) -> Use:
    process = psutil.Process(gateway.popen.pid)
    return Use(process.memory_info().rss, process.num_fds())


def _is_alone(gateway: Gateway) -> bool:
    """Nobody is connected but the worker."""
    connections = psutil.Process(gateway.popen.pid).net_connections("tcp")
    return len([one for one in connections if one.status != psutil.CONN_LISTEN]) <= 1
