"""Bodies of all sizes, in both directions."""

from bench.closed_loop import load
from bench.console import say
from bench.contender import Setup
from bench.markdown import table
from bench.plan import Plan
from bench.samples import Samples

ABOUT = "requests/s with bodies of 1 KiB, 64 KiB and 10 MiB, down and up"
QUICK = Plan(rounds=1, seconds=2, contenders=("nginx", "prack", "prack-grpc"))
FULL = Plan(
    rounds=2,
    seconds=1,
    contenders=("uvicorn", "nginx", "haproxy", "prack", "prack-grpc", "prack-rest"),
    full=True,
)
KIB, MIB = 1024, 1024 * 1024
SIZES = {"1 KiB": KIB, "64 KiB": 64 * KIB, "10 MiB": 10 * MIB}
DIRECTIONS = ("down", "up")
LARGE_TIMES = 2  # samples of 10 MiB are so many times as long: a second would see only a few
BASELINE = "nginx"
TEXT = """\
### Bodies

Responses (down) and requests (up) with a body: requests/s, and the ratio to nginx -> uvicorn. 32
connections, 4 for 10 MiB.
"""


def duration(plan: Plan) -> float:
    """See Measurement."""
    return plan.duration((len(SIZES) + LARGE_TIMES - 1) * len(DIRECTIONS))


def run(plan: Plan) -> Samples:
    """See closed_loop.load."""
    samples = Samples()
    with plan.started(Setup("traffic")) as found:
        for size, count in SIZES.items():
            for direction in DIRECTIONS:
                for number, one in plan.turns(found):
                    case = {"size": size, "direction": direction, "round": number}
                    down = direction == "down"
                    path = f"bytes?{count}" if down else ""
                    connections, times = (4, LARGE_TIMES) if count >= MIB else (32, 1)
                    seconds = times * plan.seconds
                    record = load(one, connections, seconds, path, 0 if down else count)
                    samples.add(contender=one.name, **case, **record)
                    say(f"{size:7s}{direction:5s}{one.name:18s}{record['rate']:8,.0f}/s")
    return samples


def report(samples: Samples) -> str:
    """A table for each direction."""
    return "\n".join((TEXT, *(f"{way}:\n\n{_table(samples, way)}" for way in DIRECTIONS)))


def _table(samples: Samples, direction: str) -> str:
    head = ("contender", *(part for size in SIZES for part in (size, "ratio")), "errors")
    rows = []
    for name in samples.values("contender"):
        mine = {"contender": name, "direction": direction}
        base = {**mine, "contender": BASELINE}
        cells = [
            cell
            for size in SIZES
            for cell in (
                samples.median("rate", **mine, size=size),
                samples.ratio("rate", {**mine, "size": size}, {**base, "size": size}),
            )
        ]
        rows.append((name, *cells, sum(samples.all("errors", **mine))))
    return table(head, rows)
