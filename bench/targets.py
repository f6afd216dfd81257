"""What was aimed at, and what became of it in the last run."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.markdown import shown, table
from bench.measurements.frameworks import COUNTS, USERS
from bench.measurements.throughput import baseline
from bench.results import Results

MIB, KIB = 2**20, 2**10
CARRIERS = ("prack", "prack-grpc")
Value = Callable[[Results], float | None]


@dataclass(frozen=True)
class Target:
    """`value` measures it, None if nobody did; it is to be `most` at most, or `least` at least."""

    who: str
    what: str
    value: Value
    most: float | None = None
    least: float | None = None
    stretch: float | None = None
    unit: str = ""

    def row(self, results: Results) -> tuple[str, str, str, str, str]:
        """What, of whom, how much was wanted, what was measured, and a verdict."""
        value = self.value(results)
        word, bound = ("at most", self.most) if self.most is not None else ("at least", self.least)
        wanted = f"{word} {shown(bound)} {self.unit}".rstrip()
        wanted += f"; stretch {shown(self.stretch)}" if self.stretch is not None else ""
        return self.what, self.who, wanted, shown(value), self._verdict(value, bound)

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
    return "### Targets\n\n" + table(("what", "contender", "target", "measured", "verdict"), rows)


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


def _each(what: str, value: Callable[[str], Value], **bounds: Any) -> Iterator[Target]:
    """A target for each carrier: `value` takes the contender's name."""
    for name in CARRIERS:
        yield Target(name, what, value(name), **bounds)


def _rate(name: str, app: str) -> Callable[[str], Value]:
    def value(who: str) -> Value:
        cases = ({"contender": who, "app": app, "connections": count} for count in (32, 256))
        return _worst(min, *(_ratio(name, "rate", case, contender="nginx") for case in cases))

    return value


def _below(who: str) -> Value:
    """p99 of the framework that does worst beside the baseline, at 85 % of what that can do."""

    def ratio(app: str) -> Value:
        mine = {"contender": who, "app": app, "users": USERS}
        return _ratio("frameworks", "p99", mine, contender=baseline(app))

    return _worst(max, *map(ratio, COUNTS))


def _one_client(name: str) -> Value:
    case = {"contender": name, "app": "hello", "connections": 1}
    return _ratio("throughput", "p50", case, contender="nginx")


def _tail(*others: str) -> Callable[[str], Value]:
    def value(name: str) -> Value:
        cases = [{"contender": name, "load": load} for load in (0.7, 0.85)]
        return _worst(max, *(_ratio("tail", "p99", c, contender=o) for c in cases for o in others))

    return value


def _queue(name: str, depth: int) -> Value:
    return _ratio("depth", "rate", {"contender": name, "depth": depth}, depth=10)


def _streams(name: str) -> Value:
    ways = [{"contender": name, "way": way} for way in ("down", "up")]
    others = ("nginx", "nginx-streaming")
    return _worst(min, *(_ratio("streams", "rate", w, contender=o) for w in ways for o in others))


def _stream_memory(name: str) -> Value:
    ways = ("down", "up")
    return _worst(max, *(_median("streams", "memory", MIB, contender=name, way=w) for w in ways))


def _chunks(streams: int) -> Callable[[str], Value]:
    return lambda name: _median("chunks", "p99", contender=name, streams=streams)


def _rest(name: str) -> Value:
    return _median("rest", "rate", contender=name)


def _rest_cpu(name: str) -> Value:
    return _ratio("rest", "front_cpu", {"contender": name}, contender="prack")


def _footprint(name: str, field: str, unit: float = 1) -> Value:
    return _median("footprint", field, unit, contender=name)


def _relayed(name: str) -> Value:
    case = {"contender": name, "connections": 1}
    return _ratio("gateways", "front_cpu", case, contender="prack")


_hello, _fastapi = _rate("throughput", "hello"), _rate("frameworks", "fastapi")
_inside = _ratio("figures", "inside", {"contender": "prack"}, contender="prack-blind")
_waiting = _median("clients", "each", KIB, contender="prack", kind="waiting", count=9_900)
_figures = _ratio("figures", "rate", {"contender": "prack"}, contender="prack-blind")
_idle = _footprint("prack", "front_resident", MIB)
_help = _median("footprint", "seconds", what="help")
ONE, BATCHED, RAW = "prack-rest-one", "prack-rest-exchange", "prack-raw"
INSIDE = "in process"
HELLO, FASTAPI = (f"{app}, 32 and 256 clients, of nginx" for app in ("bare ASGI", "FastAPI"))
TARGETS = (
    Target("prack", FASTAPI, _fastapi("prack"), least=1.3),
    Target("prack-grpc", FASTAPI, _fastapi("prack-grpc"), least=1),
    *_each("each framework at 85 %, p99, of nginx", _below, most=1),
    # The stretch is for a compiled gateway.
    Target("prack", HELLO, _hello("prack"), least=0.6, stretch=0.8),
    Target("prack-grpc", HELLO, _hello("prack-grpc"), least=0.8, stretch=1),
    *_each("p50 of one client, of nginx", _one_client, most=2.5, stretch=1.5),
    *_each("tail at 70 and 85 %, p99, of round robin", _tail("nginx"), most=0.4),
    *_each("the same, of the better leastconn", _tail("nginx-least", "haproxy"), most=0.85),
    Target(ONE, "one at a time, exchanges/s", _rest(ONE), least=1_500),
    Target(BATCHED, "in batches, exchanges/s", _rest(BATCHED), least=5_000),
    Target(BATCHED, "the same, CPU of the gateway, of a stream's", _rest_cpu(BATCHED), most=2),
    Target(RAW, "as messages, CPU of the gateway, of a stream's", _rest_cpu(RAW), most=3),
    Target(INSIDE, "queue of 100,000, of 10", _queue(INSIDE, 100_000), least=0.9),
    *_each("queue of 9,900 clients, of 10", lambda name: _queue(name, 9_900), least=0.9),
    Target("prack", "waiting request, with its connection", _waiting, most=7, unit="KiB"),
    Target("prack", "idle gateway, RSS", _idle, most=56, unit="MiB"),
    *_each("1 GiB, MB/s of the faster nginx", _streams, least=0.5),
    *_each("1 GiB, memory", _stream_memory, most=16, unit="MiB more"),
    *_each("start to first answer", lambda name: _footprint(name, "seconds"), most=0.5, unit="s"),
    Target("prack", "`prack --help`", _help, most=0.15, unit="s"),
    Target("prack-apart", "relayed, CPU of gateways, of direct", _relayed("prack-apart"), most=1.8),
    Target("prack-nats", "the same over NATS", _relayed("prack-nats"), most=2.2),
    Target("prack", "with figures, requests/s, of without", _figures, least=0.97),
    Target("prack", "the same, CPU in process", _inside, most=1.03),
    *_each("chunk to the client, p99", _chunks(1), most=10, unit="ms"),
    *_each("the same, beside 49 other streams", _chunks(50), most=10, unit="ms"),
)
