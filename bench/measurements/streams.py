"""One long body: how fast, at what cost, and how much of it is kept."""

import socket
from time import monotonic

from bench.client import get, post
from bench.console import say
from bench.contender import Setup
from bench.contenders import Running
from bench.markdown import table
from bench.plan import Plan
from bench.procfs import cpu_seconds, forget_peak, peak
from bench.samples import Samples

ABOUT = "1 GiB down and up: MB/s, CPU seconds, memory"
CONTENDERS = (
    "uvicorn",
    "nginx",
    "nginx-streaming",
    "haproxy-streaming",
    "prack",
    "prack-grpc",
    "prack-raw",
)
QUICK = Plan(rounds=1, seconds=0, contenders=("nginx", "nginx-streaming", "prack"))
FULL = Plan(rounds=3, seconds=0, contenders=CONTENDERS, full=True)
MIB, GIB = 2**20, 2**30
SMALL = 128 * MIB
PIECE = bytes(256 * 1024)
TIMEOUT_SECONDS = 60
SAMPLE_SECONDS = 3  # for a GiB, roughly
BASELINES = ("nginx", "nginx-streaming")
HEAD = (
    "contender",
    "MB/s",
    *(f"of {name}" for name in BASELINES),
    "CPU s/GiB",
    "memory, MiB more",
    "errors",
)
TEXT = """\
### Streams

One client, one body of 1 GiB in each direction. CPU is that of all processes of a contender; memory
is the most that proxy or gateway, or `uvicorn` itself, had above what they had before.
"""


def download(port: int, size: int) -> None:
    """Read a body of this size. Raises OSError if less came."""
    with _connected(port) as sock:
        sock.sendall(get(f"/stream?{size}"))
        got, buffer = _head(sock), bytearray(MIB)
        while got < size:
            read = sock.recv_into(buffer)
            if not read:
                raise OSError(f"the body ended after {got} of {size} bytes")
            got += read


def upload(port: int, size: int) -> None:
    """Send a body of this size. Raises OSError if the application did not get it."""
    with _connected(port) as sock:
        sock.sendall(post(size))
        for start in range(0, size, len(PIECE)):
            sock.sendall(PIECE[: size - start])
        answer = b""
        while not answer.endswith(b"%d\n" % size):
            if not (data := sock.recv(MIB)):
                raise OSError(f"the answer was {answer!r}")
            answer += data


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)


def _head(sock: socket.socket) -> int:
    """Read the head of the response. Returns how much of the body came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := sock.recv(MIB)):
            raise OSError("no response")
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    if b" 200 " not in head:
        raise OSError(head.decode(errors="replace"))
    return len(body)


WAYS = {"down": download, "up": upload}


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration(len(WAYS), SAMPLE_SECONDS if plan.full else 1)


def run(plan: Plan) -> Samples:
    """MB a second, CPU seconds for a GiB, bytes of memory."""
    samples = Samples()
    size = GIB if plan.full else SMALL
    with plan.started(Setup("traffic")) as found:
        for one in found:
            for transfer in WAYS.values():
                transfer(one.port, MIB)
        for way in WAYS:
            for number, one in plan.turns(found):
                _sample(samples, one, way, number, size)
    return samples


def _sample(samples: Samples, one: Running, way: str, number: int, size: int) -> None:
    forget_peak(one.fronts)
    before, used, start = peak(one.fronts), cpu_seconds(one.processes), monotonic()
    case = {"contender": one.name, "way": way, "round": number}
    try:
        WAYS[way](one.port, size)
    except OSError as error:
        samples.add(**case, errors=1)
        say(f"{way:5s}{one.name:18s}{error}")
        return
    rate = size / (monotonic() - start) / 1e6
    cpu = (cpu_seconds(one.processes) - used) * GIB / size
    samples.add(**case, rate=rate, cpu=cpu, memory=peak(one.fronts) - before, errors=0)
    say(f"{way:5s}{one.name:18s}{rate:8,.0f} MB/s")


def report(samples: Samples) -> str:
    """A table for each direction."""
    return "\n".join((TEXT, *(f"{way}:\n\n{_table(samples, way)}" for way in WAYS)))


def _table(samples: Samples, way: str) -> str:
    rows = []
    for name in samples.values("contender"):
        mine = {"contender": name, "way": way}
        rate, cpu, more = (samples.median(field, **mine) for field in ("rate", "cpu", "memory"))
        ratios = (samples.ratio("rate", mine, {**mine, "contender": base}) for base in BASELINES)
        used = None if more is None else more / MIB
        rows.append((name, rate, *ratios, cpu, used, sum(samples.all("errors", **mine))))
    return table(HEAD, rows)
