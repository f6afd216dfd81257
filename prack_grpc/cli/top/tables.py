"""The tables of `prack top`: what they ask the admin port for, and their columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from prack_grpc.cli.gateway import Gateway, Row
from prack_grpc.cli.top.figures import UNKNOWN, ago, count, rate, share, size, span
from prack_wire.terminal import visible

ORDERS = ("worker", "requests", "p95", "errors", "held", "seconds")  # of workers, in the API
MOST_ROWS = 1000  # that the admin port gives
WIDE, WIDER = 100, 130  # columns of a terminal


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        title: its heading.
        text: what a row, at this Unix time, has there; empty if nothing.
        number: to the right, and never cut.
        room: columns that a terminal must have to show it.
    """

    title: str
    text: Callable[[Row, float], str]
    number: bool = True
    room: int = 0


@dataclass(frozen=True)
class Table:
    """The first rows of `total`, as text that cannot steer a terminal."""

    title: str
    total: int
    columns: tuple[Column, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Wish:
    """Which tables are wanted, in which order the workers are, and how many rows at most."""

    names: tuple[str, ...]
    order: str
    most: int


def ask(gateway: Gateway, name: str, wish: Wish, now: float) -> Table:
    """One of TABLES. Raises Trouble, and what `understood` takes for one."""
    fields = {**FIELDS.get(name, {}), **({"sort": wish.order} if name == "workers" else {})}
    query = urlencode({**fields, "most": wish.most})
    answer = gateway.ask("GET", f"{name}?{query}")
    rows, columns = answer[name], TABLES[name]
    lines = tuple(
        tuple(visible(column.text(row, now)) or UNKNOWN for column in columns) for row in rows
    )
    title = TITLES.get(name, name) + (f", sorted by {wish.order}" if name == "workers" else "")
    return Table(title, int(answer.get("total", len(rows))), columns, lines)


# ---------------------------------------------------------------- cells


def _get(name: str, told: Callable[..., str] = str) -> Callable[[Row, float], str]:
    return lambda row, now: told(row[name])


def _ago(name: str) -> Callable[[Row, float], str]:
    return lambda row, now: ago(row[name], now)


def _route(row: Row, now: float) -> str:
    told = [row["kind"] if row["kind"] != "http" else "", row["route"], row["version"]]
    return " ".join(filter(None, told))


def _version(row: Row, now: float) -> str:
    return f"{row['service']} {row['version']}".strip()


def _errors(row: Row, now: float) -> str:
    """Those of the gateway and of workers; clients that have left are nobody's mistake."""
    return share(row["errors"]["gateway"] + row["errors"]["worker"])


def _slots(used: str) -> Callable[[Row, float], str]:
    return lambda row, now: f"{count(row[used])}/{count(row['slots'])}"


def _request(row: Row, now: float) -> str:
    return f"{row['method']} {row['host']}{row['target']}"


def _weight(row: Row, now: float) -> str:
    return UNKNOWN if row["weight"] is None else count(row["weight"])


_FARING = (
    Column("REQUESTS", _get("requests_per_second", rate)),
    Column("P50", _get("p50", span), room=WIDE),
    Column("P95", _get("p95", span)),
    Column("ERRORS", _errors),
)
TABLES: Mapping[str, tuple[Column, ...]] = {
    "routes": (
        Column("ROUTE", _route, number=False),
        Column("WAITING", _get("waiting", count)),
        Column("OLDEST", _get("oldest", span)),
        Column("EXPECTED", _get("expected_wait", span), room=WIDE),
        Column("SLOTS", _slots("busy")),
        *_FARING,
        Column("BYTES", _get("waiting_bytes", size), room=WIDER),
        Column("USED", _ago("last_used"), room=WIDER),
    ),
    "workers": (
        Column("WORKER", _get("worker"), number=False),
        Column("VERSION", _version, number=False),
        Column("STATE", _get("state")),
        Column("SLOTS", _slots("held")),
        *_FARING,
        Column("CONNECTED", _ago("connected_at"), room=WIDE),
        Column("SEEN", _ago("seen_at"), room=WIDER),
        Column("BY", _get("transport"), room=WIDER),
        Column("ADDRESS", _get("address"), number=False, room=WIDER),
    ),
    "versions": (
        Column("SERVICE", _get("service"), number=False),
        Column("VERSION", _get("version"), number=False),
        Column("STATE", lambda row, now: row["state"] or "gone"),
        Column("WORKERS", _get("workers", count)),
        Column("SLOTS", _slots("held")),
        Column("WEIGHT", _weight),
        *_FARING,
        Column("USED", _ago("seen_at"), room=WIDE),
    ),
    "exchanges": (
        Column("REQUEST", _request, number=False),
        Column("STATE", _get("state")),
        Column("AGE", _get("duration", span)),
        Column("QUEUE", _get("queue", span)),
        Column("WORKER", _get("worker_time", span)),
        Column("HELD BY", _get("worker"), number=False),
        Column("TRY", _get("attempt", count), room=WIDE),
        Column("ROUTE", _get("route"), number=False, room=WIDER),
        Column("CLIENT", lambda row, now: row["client"] or "", room=WIDER),
    ),
}
TITLES = {"exchanges": "in flight, slowest first"}
FIELDS = {"exchanges": {"state": "live", "sort": "slowest"}}
