"""One answer of many: what each gateway tells of itself, put together. Pure functions.

House rules: what is counted is summed; of instants and ages the outermost counts; a share or a
quantile is the mean of those of all gateways, by their requests, which is exact for shares and an
estimate for quantiles; anything else is what the gateway says that was asked.
"""

import json
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from prack_grpc.core.status import Serving
from prack_grpc.core.worker import LINK
from prack_grpc.telemetry.scale import slots_wanted

Row = dict[str, Any]
# What gateways say, by gateway, and the query that they were asked.
Merge = Callable[[Mapping[str, Any], Mapping[str, str]], Row]

SUMS = frozenset(
    (
        *("workers", "slots", "busy", "free", "used", "held", "websockets", "connections"),
        *("waiting", "waiting_bytes", "in_flight", "accepted", "passed_over", "rate"),
        *("leased", "open_leases", "total", "slots_used"),
        *("requests", "gateway_errors", "worker_errors", "client_gone", "slots_wanted"),
        *("requests_per_second", "bytes_in_per_second", "bytes_out_per_second"),
        *("arrival_rate", "expected_rate", "service_rate"),
    )
)
# Counts by a name each.
COUNTS = frozenset(("done", "leases", "redelivered", "workers", "slots"))
LAST = frozenset(("oldest", "seconds", "seen_at", "last_used", "loop_lag", "crowd", "window"))
LAST |= {"expected_wait"}
FIRST = frozenset(("connected_at",))
MEANS = frozenset(("p50", "p95", "p99", "service_seconds"))
# The best counts: of a version that is here and there, and of a worker that has dialled anew.
STATES: tuple[str | None, ...] = (*Serving, "lost", "left", None)
WORKERS = "workers"
# What of a figure others have lent.
BORROWED = {"workers": "guests", "slots": "borrowed"}
SHARES, WEIGHT, SENTENCES = "errors", "requests_per_second", "sentences"
LEVELS = ("critical", "warning", "info")
ALONE = "no worker is connected"


def figures(parts: Sequence[Row], weights: Sequence[float] = ()) -> Row:
    """The members of these objects, each by its name; `weights` are those of means."""
    if any(WEIGHT in part for part in parts):
        weights = [part.get(WEIGHT) or 0.0 for part in parts]
    weights = weights or [1.0] * len(parts)
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: _member(name, [part.get(name) for part in parts], weights) for name in names}


def _member(name: str, values: Sequence[Any], weights: Sequence[float]) -> Any:
    known = [(value, by) for value, by in zip(values, weights, strict=True) if value is not None]
    if not known:
        return None
    if all(isinstance(value, dict) for value, _ in known):
        if name == SHARES:
            return {one: _mean([(value[one], by) for value, by in known]) for one in known[0][0]}
        if name in COUNTS:
            return _sums(value for value, _ in known)
        return figures([value for value, _ in known], [by for _, by in known])
    if name == "state":
        return min(values, key=_rank)
    if name in MEANS or name.endswith(tuple(f"_{one}" for one in MEANS)):
        return _mean(known)
    if rule := _rule(name):
        return rule(value for value, _ in known)
    return known[0][0]


def _rule(name: str) -> Callable[[Iterable[Any]], Any] | None:
    return sum if name in SUMS else max if name in LAST else min if name in FIRST else None


def _sums(counts: Iterable[Row]) -> Row:
    return reduce(lambda a, b: {one: a.get(one, 0) + b.get(one, 0) for one in a | b}, counts)


def _mean(known: Sequence[tuple[float, float]]) -> float:
    """Of gateways without requests none counts more than another."""
    by = sum(weight for _, weight in known)
    if not by:
        return float(sum(value for value, _ in known)) / len(known)
    return sum(value * weight for value, weight in known) / by


def _rank(state: str | None) -> int:
    return STATES.index(state) if state in STATES else len(STATES)


# ---------------------------------------------------------------- tables


def rows(name: str, *key: str, apart: bool = False) -> Merge:
    """Merges tables of this name, whose rows are known by `key`.

    Where gateways have rows `apart` from each other, each is told with those that have it. What a
    gateway has of workers of others is left to these.
    """

    def merge(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
        grouped: dict[tuple[str, ...], list[tuple[str, Row]]] = {}
        for gateway, part in parts.items():
            for row in part[name]:
                if name != WORKERS or row["transport"] != LINK:
                    names = tuple(str(row.get(one)) for one in key)
                    grouped.setdefault(names, []).append((gateway, _owned(row)))
        found = [_joined(grouped[names], apart) for names in sorted(grouped)]
        totals = [part["total"] for part in parts.values() if "total" in part]
        if not totals:
            return {name: found}
        # Of tables that were cut nobody knows which rows are the same: there are at least so many.
        return {"total": sum(totals) if apart else max(len(found), *totals), name: found}

    return merge


def _owned(row: Row) -> Row:
    """Without what is lent by others, who tell of it themselves."""
    own = dict(row)
    for whole, part in BORROWED.items():
        if part in own:
            own[whole] -= own.pop(part)
    return own


def _joined(same: Sequence[tuple[str, Row]], apart: bool) -> Row:
    whole = figures([row for _, row in same])
    return {**whole, "gateways": [gateway for gateway, _ in same]} if apart else whole


def ordered(merge: Merge, name: str, keys: Mapping[Any, Callable[[Any], Any]], first: str) -> Merge:
    """The same in the order that is asked for (`sort`, or else `first`), at most `most` rows."""

    def merged(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
        whole = merge(parts, query)
        table = sorted(whole[name], key=lambda row: keys[query.get("sort", first)](Attributes(row)))
        return {**whole, name: table[: int(query.get("most", 100))]}

    return merged


class Attributes:
    """The members of a JSON object, as orders of rows ask for them."""

    def __init__(self, members: Row) -> None:
        for name, value in members.items():
            setattr(self, name, Attributes(value) if isinstance(value, dict) else value)


# ---------------------------------------------------------------- other answers


def counts(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """Plain figures."""
    return figures(list(parts.values()))


def own(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """What is the same everywhere, or is known to one."""
    answer: Row = next(iter(parts.values()))
    return answer


def overview(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """All gateways at one look; `gateways` has them one by one, the one that was asked first."""
    told = {gateway: dict(part) for gateway, part in parts.items()}
    heard = {gateway: part.pop(SENTENCES) for gateway, part in told.items()}
    return {
        **figures(list(told.values())),
        "gateway": own(told, query)["gateway"],
        "gateways": [{"id": gateway, **part["gateway"]} for gateway, part in told.items()],
        SENTENCES: sentences(heard),
    }


def sentences(heard: Mapping[str, Sequence[Row]]) -> list[Row]:
    """What is wrong with which gateway; that there is no worker only if there is none at all."""
    everywhere = all(any(one["text"] == ALONE for one in said) for said in heard.values())
    found = [
        {**one, "text": f"gateway {gateway}: {one['text']}"}
        for gateway, said in heard.items()
        for one in said
        if one["text"] != ALONE
    ]
    if everywhere:
        found.append({"level": "info", "route": None, "text": ALONE})
    return _worst_first(found)


def _worst_first(found: Sequence[Row]) -> list[Row]:
    return sorted(found, key=lambda one: LEVELS.index(one["level"]))


def silence(gateway: str) -> Row:
    """What is wrong with one that did not answer."""
    text = f"gateway {gateway} did not answer: what it does is not in these figures"
    return {"level": "warning", "route": None, "text": text}


def update(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """One look at all, the last second of the curves, and new marks."""
    return {
        "overview": overview({name: part["overview"] for name, part in parts.items()}, query),
        "point": {**_second([part["point"] for part in parts.values()])},
        "marks": _marks(parts.values()),
    }


def history(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """The curves, second by second as the gateway has them that was asked."""
    asked: Row = own(parts, query)
    names, length = list(asked["series"]), len(next(iter(asked["series"].values()), []))
    seconds = [
        _second([_at(part, asked["start"] + step) for part in parts.values()])
        for step in range(length)
    ]
    series = {name: [second.get(name) for second in seconds] for name in names}
    return {**asked, "series": series, "marks": _marks(parts.values())}


def _at(part: Row, second: int) -> Row:
    """The values of one second; nothing of one that a gateway has not seen."""
    place = second - part["start"]
    return {
        name: values[place] for name, values in part["series"].items() if 0 <= place < len(values)
    }


def _second(values: Sequence[Row]) -> Row:
    return figures(values, [one.get("requests") or 0.0 for one in values])


def _marks(parts: Iterable[Row]) -> list[Row]:
    return sorted((mark for part in parts for mark in part["marks"]), key=operator.itemgetter("at"))


def needs(parts: Mapping[str, Any], query: Mapping[str, str]) -> Row:
    """How many slots are wanted in all: for what all gateways measure, not the sum of their needs,
    as many need less than each for itself.
    """
    if "routes" not in own(parts, query):
        return need(list(parts.values()))
    grouped: dict[str, list[Row]] = {}
    for part in parts.values():
        for row in part["routes"]:
            grouped.setdefault(row["route"], []).append(row)
    return {**own(parts, query), "routes": [need(grouped[route]) for route in sorted(grouped)]}


def need(same: Sequence[Row]) -> Row:
    """That of one route or service at these gateways."""
    whole = figures(same, [row["arrival_rate"] for row in same])
    wanted = slots_wanted(
        sum(row["expected_rate"] for row in same),
        whole["service_seconds"] or 0.0,
        whole["waiting"],
        whole["busy"],
        whole["wait"],
    )
    return {**whole, "slots_wanted": wanted}


# ---------------------------------------------------------------- text


def exposition(parts: Iterable[bytes]) -> bytes:
    """Metrics in the text format of Prometheus, or in OpenMetrics: a family stands at one place."""
    families: dict[bytes, list[bytes]] = {}
    comments: dict[bytes, list[bytes]] = {}
    ended = False
    for part in parts:
        name = b""
        for line in part.splitlines():
            if line == b"# EOF":
                ended = True
            elif line.startswith(b"# "):
                name = line.split(b" ", 3)[2]
                if line not in comments.setdefault(name, []):
                    comments[name].append(line)
                families.setdefault(name, [])
            else:
                families[name].append(line)
    lines = [line for name, samples in families.items() for line in comments[name] + samples]
    return b"\n".join([*lines, b"# EOF", b""] if ended else [*lines, b""])


def encoded(
    merge: Merge, parts: Mapping[str, bytes], query: Mapping[str, str], silent: Sequence[str]
) -> bytes:
    """The merged answer as JSON, with those who did not answer."""
    whole = merge({name: json.loads(part) for name, part in parts.items()}, query)
    for look in (whole, whole.get("overview", {})):
        if SENTENCES in look:
            look[SENTENCES] = _worst_first([*look[SENTENCES], *map(silence, silent)])
    return json.dumps({**whole, "unanswered": list(silent)}).encode()
