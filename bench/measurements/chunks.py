"""From the application's send to the client's receive, for streams of small chunks."""

import asyncio
import re
from time import monotonic_ns

from bench.client import get
from bench.client import run as run_loop
from bench.console import say
from bench.contender import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples, percentile

ABOUT = "server-sent events: from the application's send to the client's receive"
QUICK = Plan(rounds=2, seconds=2, contenders=("nginx", "prack", "prack-grpc"))
FULL = Plan(
    rounds=3,
    seconds=2,
    contenders=("uvicorn", "nginx", "haproxy-streaming", "prack", "prack-grpc", "prack-raw"),
    full=True,
)
# Streams at a time, and milliseconds between two events of each.
CASES = ((1, 20), (50, 100))
SPARE_SECONDS = 10
EVENT = re.compile(rb"data: (\d+) +\n\n")
HEAD = ("contender", "p50 ms", "p99 ms", "longest", "errors")
TEXT = """\
### Chunks

Server-sent events. Each says when the application sent it; client and application read the same
clock. An error is an event that did not come.
"""


class Listener(asyncio.Protocol):
    """One stream; `latencies` are those of its events, in milliseconds."""

    def __init__(self, count: int) -> None:
        self.latencies: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()
        self._count = count
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        now = monotonic_ns()
        self._rest += data
        end = 0
        for match in EVENT.finditer(self._rest):
            self.latencies.append((now - int(match[1])) / 1e6)
            end = match.end()
        self._rest = self._rest[end:]
        if len(self.latencies) >= self._count:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._end()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


async def listen(port: int, streams: int, every_ms: int, count: int) -> list[float]:
    """The latencies of so many streams, which do not send at the same moments."""
    loop = asyncio.get_running_loop()
    listeners = []
    for _ in range(streams):
        transport, listener = await loop.create_connection(
            lambda: Listener(count), "127.0.0.1", port
        )
        transport.write(get(f"/events?{count},{every_ms}"))
        listeners.append((transport, listener))
        await asyncio.sleep(every_ms / streams / 1000)
    seconds = count * every_ms / 1000 + SPARE_SECONDS
    await asyncio.wait([listener.ended for _, listener in listeners], timeout=seconds)
    for transport, _ in listeners:
        transport.close()
    return [latency for _, listener in listeners for latency in listener.latencies]


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(CASES))


def run(plan: Plan) -> Samples:
    """Latencies in milliseconds."""
    samples = Samples()
    with plan.started(Setup("traffic")) as found:
        for streams, every_ms in CASES:
            count = max(1, int(plan.seconds * 1000 / every_ms))
            for number, one in plan.turns(found):
                latencies = run_loop(listen(one.port, streams, every_ms, count))
                p50, p99, longest = (percentile(latencies, percent) for percent in (50, 99, 100))
                record = {"p50": p50, "p99": p99, "longest": longest}
                record["errors"] = streams * count - len(latencies)
                case = {"streams": streams, "every_ms": every_ms, "round": number}
                samples.add(contender=one.name, **case, **record)
                say(f"{streams:3d} streams  {one.name:12s} p50 {p50:6.2f}  p99 {p99:6.2f} ms")
    return samples


def report(samples: Samples) -> str:
    """A table for each number of streams."""
    parts = [TEXT]
    for streams, every_ms in CASES:
        what = "1 stream" if streams == 1 else f"{streams} streams"
        parts.append(f"{what}, an event each {every_ms} ms:\n\n{_table(samples, streams)}")
    return "\n".join(parts)


def _table(samples: Samples, streams: int) -> str:
    rows = []
    for name in samples.values("contender"):
        mine = {"contender": name, "streams": streams}
        medians = (samples.median(field, **mine) for field in ("p50", "p99", "longest"))
        rows.append((name, *medians, sum(samples.all("errors", **mine))))
    return table(HEAD, rows)
