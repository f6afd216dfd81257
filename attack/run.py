"""A gateway with one worker, and one attack after the other."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psutil

from attack.canary import TIMES, Watch, asking, p99
from attack.clients import SLOTS
from attack.cores import at_once, only, shares
from attack.kinds import KINDS
from attack.proxied import public, without_prack
from attack.rounds import QUIET_SECONDS, attacker
from attack.turns import MARK, Turns, told
from prack_wire.heap import LOOK_SECONDS
from tests.acceptance.processes import BAD, PYTHON, STREAMS, Gateway, Process

MIB = 1024 * 1024
# What is less may be the kernel: canary and worker share a core, and where they have no real-time
# priority also with attackers and whoever else is there, in slices of some milliseconds.
KERNEL_SECONDS, SHARED_SECONDS = 0.003, 0.02
# Of CPU time. It depends on nobody else, and is what a request waits for at the gateway.
TURN_SECONDS = 0.008
MORE = 1.1  # times the memory that there was before
SETTLE_SECONDS = 40.0  # for the connections of an attack to go
LONELY_SECONDS = 0.1
CALM = 10  # looks at which nothing has changed
APP = "attack.app:app"
BESIDE = "/beside"  # only the canary asks for it


@dataclass(frozen=True)
class Plan:
    """So many rounds of each attack, of so many seconds; its worker, and a proxy of PROXIES.

    With `timed`, what takes too long or too much fails, too; a few rounds say little of that.
    """

    kinds: Sequence[str]
    rounds: int
    seconds: float
    over: str = "prack"
    behind: str = ""
    timed: bool = True

    @property
    def left_out(self) -> list[str]:
        """Kinds that would attack nothing: over REST there are no WebSockets."""
        return [kind for kind in self.kinds if KINDS[kind].upgrades and self.over == "rest"]


@dataclass(frozen=True)
class Use:
    """Bytes and descriptors of the gateway."""

    memory: int
    files: int


@dataclass(frozen=True)
class Outcome:
    """What one kind of attack has done. `lost` are workers, `bad` lines of the log.

    `ended` is what attackers said last that were not there to the end of their round.
    A wait of up to `slack` seconds says nothing. `inside` is for how many seconds the gateway had
    each request of the canary that it got. Behind a proxy `direct` is at the gateway's own port,
    and `without` beside the same attack on the same proxy without Prack, if `watch` was late.
    """

    kind: str
    timed: bool
    watch: Watch
    turns: Turns
    before: Use
    after: Use
    lost: int
    bad: Sequence[str]
    lines: int
    slack: float
    inside: Sequence[float] = ()
    ended: Sequence[str] = ()
    direct: Watch | None = None
    without: Watch | None = None

    @property
    def failures(self) -> list[str]:
        """What must not be."""
        found = [f"the canary {self.late}"] if self.late and not self.excused else []
        if self.direct and (late := self._late(self.direct)):
            found.append(f"at the gateway's own port the canary {late}")
        if self.ended:
            found.append(f"the attacker ended: {self.ended[0]}")
        if self.lost:
            found.append(f"{self.lost} lost workers")
        if self.bad:
            found.append(f"tracebacks: {self.bad[0]}")
        if self.after.files > self.before.files:
            found.append(f"descriptors: {self.before.files} before, {self.after.files} after")
        if self.timed:
            found += self._excess()
        return found

    @property
    def late(self) -> str:
        """What the canary was not answered, or waited for."""
        return self._late(self.watch)

    @property
    def excused(self) -> bool:
        """The proxy is as late by itself, and the gateway is not, and refuses nothing.

        It says nothing where the gateway has not told of all that was answered.
        """
        beside = self.watch.beside
        refused = self.watch.alone.missed or any(one.isdigit() for one in beside.missed)
        if self.without is None or refused or len(self.inside) < len(beside.times):
            return False
        had = max(self.inside, default=0.0) if beside.missed else self.inside_p99
        worst, alone = self.without.beside.worst, self.without.alone.p99
        late = worst > TIMES * alone and not self.without.busy
        return had <= self.slack and late and beside.worst <= TIMES * worst

    @property
    def inside_p99(self) -> float:
        """Of `inside`; 0 if the gateway got none."""
        return p99(self.inside) if self.inside else 0.0

    def _late(self, watch: Watch) -> str:
        return watch.unanswered or (watch.late(self.slack) if self.timed else "")

    def _excess(self) -> Iterator[str]:
        turn = self.turns.p99
        if turn > TURN_SECONDS:
            yield f"one turn of the loop in a hundred takes {1000 * turn:.1f} ms of CPU time"
        if self.after.memory > MORE * self.before.memory:
            yield f"MiB: {self.before.memory / MIB:.0f} before, {self.after.memory / MIB:.0f} after"


def attacks(plan: Plan) -> Iterator[Outcome]:
    """The outcome of each kind, when it is there."""
    own, others = shares(apart=plan.timed)
    # Who has one core computes in turn, and so does a proxy with its clients.
    with at_once(own.isdisjoint(others) and not plan.behind) as first, only(others):
        slack = KERNEL_SECONDS if first else SHARED_SECONDS
        with _gateway(plan, own) as gateway, public(gateway.port, plan.behind) as port:
            for kind in (one for one in plan.kinds if one not in plan.left_out):
                outcome = _attack(gateway, port, kind, plan, slack)
                if plan.behind and outcome.late and KINDS[kind].proxied:
                    outcome = replace(outcome, without=without_prack(plan.behind, kind, own))
                yield outcome


@contextmanager
def _gateway(plan: Plan, cores: set[int]) -> Iterator[Gateway]:
    """One that is ready on these cores, with a worker, and has served before."""
    trusted = ("--trusted-proxies", "127.0.0.1") if plan.behind else ()
    with only(cores):
        gateway = Gateway("--log-format", "json", *trusted, program="attack.gateway")
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


def _attack(gateway: Gateway, port: int, kind: str, plan: Plan, slack: float) -> Outcome:
    lines, tls = len(gateway.lines), bool(plan.behind)
    ports = (port, gateway.api_port, gateway.grpc_port)
    watch, turns = Watch.of(port, tls, BESIDE), Turns()
    direct = Watch.of(gateway.port) if plan.behind else None
    watches = [watch, direct] if direct else [watch]
    ended: list[str] = []
    first = _use(gateway)
    with asking(one.alone for one in watches):
        time.sleep(QUIET_SECONDS)
        beside = _use(gateway)
    with attacker(kind, ports, tls, ended):  # what is imported, compiled and grown the first time
        time.sleep(max(plan.seconds, plan.timed * KINDS[kind].fills))
    # A proxy keeps connections of its own for the next time; those of polls come and go.
    polled = max(first.files, beside.files)
    files = None if plan.behind else first.files if plan.over in STREAMS else polled
    before = _settled(gateway, plan, first.memory, files)
    before = Use(before.memory, before.files if files is None else files)
    long = KINDS[kind].seconds
    for _ in range(1 if long else plan.rounds):
        with attacker(kind, ports, tls, ended):
            told(gateway)  # and forget those before
            with asking(one.beside for one in watches):
                time.sleep(long or plan.seconds)
            turns.counts += told(gateway)
    after = _settled(gateway, plan, before.memory, before.files)
    with asking(one.alone for one in watches):
        time.sleep(QUIET_SECONDS)
    written = gateway.lines[lines:]
    mine = [line for line in written if "worker lost" in line and "attacker" not in line]
    bad = [line for line in written if BAD.search(line)]
    usual = ('{"action": "request"', MARK)
    unasked = [line for line in written if not line.startswith(usual)]
    return Outcome(
        kind,
        plan.timed,
        watch,
        turns,
        before,
        after,
        lost=len(mine),
        bad=bad,
        lines=len(unasked),
        slack=slack,
        inside=_inside(written),
        ended=ended,
        direct=direct,
    )


def _inside(lines: Sequence[str]) -> list[float]:
    """Seconds that requests of the canary took at the gateway, by the lines of its log."""
    records = (json.loads(line) for line in lines if f'"target": "{BESIDE}"' in line)
    return [record["total_ms"] / 1000 for record in records]


def _settled(gateway: Gateway, plan: Plan, memory: int, files: int | None = None) -> Use:
    """What it uses when the connections of an attack have gone, or at the deadline.

    If that is much more than the `memory` before, it has the time to give it back. Polls and
    proxies have connections of their own, which come and go: then it is enough that their number
    stays the same for a while.
    """
    began = time.monotonic()
    known = plan.over in STREAMS and not plan.behind
    use, calm = _use(gateway), 0
    while (seconds := time.monotonic() - began) < SETTLE_SECONDS:
        time.sleep(LONELY_SECONDS)
        earlier, use = use, _use(gateway)
        enough = earlier.files if files is None else files
        calm = calm + 1 if use.files <= enough and use.files == earlier.files else 0
        if use.memory > MORE * memory and seconds < 1.5 * LOOK_SECONDS:
            continue
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
