"""What was aimed at, and what became of it in the last run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from bench.markdown import shown, table
from bench.results import Results

MIB, KIB = 2**20, 2**10
PRACK = "prack-grpc"
Value = Callable[[Results], float | None]


@dataclass(frozen=True)
class Target:
    """`value` measures it, None if nobody did; it is to be `most` at most, or `least` at least."""

    what: str
    value: Value
    most: float | None = None
    least: float | None = None
    stretch: float | None = None
    unit: str = ""

    def row(self, results: Results) -> tuple[str, str, str, str]:
        """What, how much was wanted, what was measured, and a verdict."""
        value = self.value(results)
        word, bound = ("at most", self.most) if self.most is not None else ("at least", self.least)
        wanted = f"{word} {shown(bound)} {self.unit}".rstrip()
        wanted += f"; stretch {shown(self.stretch)}" if self.stretch is not None else ""
        return self.what, wanted, shown(value), self._verdict(value, bound)

    def _verdict(self, value: float | None, bound: float | None) -> str:
        if value is None:
            return "not measured"
        if self.stretch is not None and self._holds(value, self.stretch):
            return "met, with the stretch"
        return "met" if self._holds(value, bound) else "**not met**"

    def _holds(self, value: float, bound: float | None) -> bool:
        assert bound is not None
        return value <= bound if self.most is not None else value >= bound


def report(results: Results) -> str:
    """All targets as a table."""
    rows = [target.row(results) for target in TARGETS]
    return "### Targets\n\n" + table(("what", "target", "measured", "verdict"), rows)


def _median(name: str, field: str, unit: float = 1, **case: Any) -> Value:
    """Of one case of a measurement."""

    def value(results: Results) -> float | None:
        found = results.load(name).median(field, **case)
        return None if found is None else found / unit

    return value


def _ratio(name: str, field: str, mine: dict[str, Any], **other: Any) -> Value:
    """Of the records of `mine` to those that differ from them in `other`."""
    return lambda results: results.load(name).ratio(field, mine, {**mine, **other})


def _worst(choose: Callable[[Iterable[float]], float], *values: Value) -> Value:
    """The one that is hardest to be content with: `min` or `max`."""

    def value(results: Results) -> float | None:
        found = [number for each in values if (number := each(results)) is not None]
        return choose(found) if found else None

    return value


def _throughput(app: str) -> Value:
    cases = ({"contender": PRACK, "app": app, "connections": count} for count in (32, 128, 256))
    return _worst(min, *(_ratio("throughput", "rate", case, contender="nginx") for case in cases))


def _tail(*others: str) -> Value:
    cases = [{"contender": PRACK, "load": load} for load in (0.7, 0.85)]
    ratios = (_ratio("tail", "p99", case, contender=name) for case in cases for name in others)
    return _worst(max, *ratios)


def _queue(name: str, depth: int) -> Value:
    return _ratio("depth", "rate", {"contender": name, "depth": depth}, depth=10)


def _chunks(streams: int) -> Value:
    names = (PRACK, "prack-raw")
    return _worst(max, *(_median("chunks", "p99", contender=n, streams=streams) for n in names))


def _rest(name: str) -> Value:
    return _median("rest", "rate", contender=name)


def _footprint(field: str, unit: float = 1) -> Value:
    return _median("footprint", field, unit, contender=PRACK)


ONE = {"contender": PRACK, "app": "hello", "connections": 1}
STREAMS = [{"contender": PRACK, "way": way} for way in ("down", "up")]
NGINX = ("nginx", "nginx-streaming")
_one_client = _ratio("throughput", "p50", ONE, contender="nginx")
_waiting = _median("clients", "each", KIB, contender=PRACK, kind="waiting", count=9_900)
_streams = _worst(min, *(_ratio("streams", "rate", m, contender=o) for m in STREAMS for o in NGINX))
_stream_memory = _worst(max, *(_median("streams", "memory", MIB, **m) for m in STREAMS))
TARGETS = (
    Target("bare ASGI, 32 to 256 clients, of nginx", _throughput("hello"), least=0.8, stretch=1),
    Target("FastAPI, 32 to 256 clients, of nginx", _throughput("fastapi"), least=1),
    Target("p50 of one client, of nginx", _one_client, most=2.5, stretch=1.5),
    Target("tail at 70 and 85 %, p99, of round robin", _tail("nginx"), most=0.4),
    Target("the same, of the better leastconn", _tail("nginx-least", "haproxy"), most=0.85),
    Target("REST one at a time, exchanges/s", _rest("prack-rest-one"), least=1_500),
    Target("REST in batches, exchanges/s", _rest("prack-rest-exchange"), least=5_000),
    Target("queue of 100,000 in process, of 10", _queue("in process", 100_000), least=0.9),
    Target("queue of 9,900 clients, of 10", _queue(PRACK, 9_900), least=0.9),
    Target("waiting request, with its connection", _waiting, most=10, unit="KiB"),
    Target("idle gateway", _footprint("front_memory", MIB), most=64, unit="MiB"),
    Target("1 GiB, MB/s of the faster nginx", _streams, least=0.5),
    Target("1 GiB, memory", _stream_memory, most=16, unit="MiB more"),
    Target("start to first answer", _footprint("seconds"), most=1.5, unit="s"),
    Target("chunk to the client, p99", _chunks(1), most=10, unit="ms"),
    Target("the same, beside 49 other streams", _chunks(50), most=10, unit="ms"),
)
