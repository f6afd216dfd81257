"""What `prack top` shows, read from the admin port, as text that cannot steer a terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from prack_grpc.cli.gateway import Gateway, Missing, Row, Trouble, understood
from prack_grpc.cli.top import tables
from prack_grpc.cli.top.figures import count, instant, rate, share, size, span
from prack_grpc.cli.top.tables import Table, Wish
from prack_wire.terminal import visible

PERCENTILES = ("p50", "p95", "p99")
PARTS = {"total": "wait", "queue": "queue", "worker": "worker", "gateway": "gateway"}
LEVELS = {"critical": "CRITICAL", "warning": "WARNING", "info": "NOTE"}


@dataclass(frozen=True)
class Page:
    """The figures of one moment.

    Args:
        about: the gateway and where it is.
        at: the time of the figures, by the gateway's clock.
        verdict: level ("" if all is well) and text of each sentence, the worst first.
        traffic, figures: names and what is told of them.
        waits: of each part of the wait its name and PERCENTILES.
        slots: used, and of how many.
    """

    about: str
    at: str
    verdict: tuple[tuple[str, str], ...]
    traffic: tuple[tuple[str, str], ...]
    waits: tuple[tuple[str, ...], ...]
    figures: tuple[tuple[str, str], ...]
    slots: tuple[int, int]
    tables: tuple[Table, ...]


def look(gateway: Gateway, wish: Wish) -> Page:
    """How the gateway is now. Raises Trouble."""
    with understood():
        overview = _overview(gateway)
        now = overview["gateway"]["now"]
        return Page(
            about=visible(_about(overview["gateway"], len(overview.get("gateways", ())))),
            at=instant(now),
            verdict=tuple(_verdict(overview)),
            traffic=tuple(_traffic(overview)),
            waits=tuple(_waits(overview["traffic"]["wait"])),
            figures=tuple(_figures(overview)),
            slots=(int(overview["slots"]["used"]), int(overview["slots"]["total"])),
            tables=tuple(tables.ask(gateway, name, wish, now) for name in wish.names),
        )


def _overview(gateway: Gateway) -> Row:
    try:
        return gateway.ask("GET", "overview")
    except Missing:
        raise Trouble(
            f"{gateway.url} has no figures: either it is no admin port (set its address with "
            f"{gateway.address}), or the gateway runs with --no-metrics"
        ) from None


def _about(gateway: Row, gateways: int) -> str:
    since = instant(gateway["started_at"], "%Y-%m-%d %H:%M:%S")
    told = f"prack {gateway['version']} at {gateway['public']}, {gateway['state']}, since {since}"
    return f"{told}, one of {gateways} gateways" if gateways else told


def _verdict(overview: Row) -> Iterator[tuple[str, str]]:
    for sentence in overview["sentences"]:
        yield LEVELS[sentence["level"]], visible(sentence["text"])
    if not overview["sentences"]:
        yield "", "All is well"


def _traffic(overview: Row) -> Iterator[tuple[str, str]]:
    traffic, errors = overview["traffic"], overview["traffic"]["errors"]
    yield "requests", f"{rate(traffic['requests_per_second'])} over {count(overview['window'])} s"
    yield (
        "errors",
        f"gateway {share(errors['gateway'])}, workers {share(errors['worker'])}, "
        f"clients gone {share(errors['client_gone'])}",
    )


def _waits(wait: Row) -> Iterator[tuple[str, ...]]:
    for part, name in PARTS.items():
        yield name, *(span(wait[part][percentile]) for percentile in PERCENTILES)


def _figures(overview: Row) -> Iterator[tuple[str, str]]:
    queue, workers, clients = overview["queue"], overview["workers"], overview["clients"]
    oldest = f", oldest {span(queue['oldest'])}" if queue["waiting"] else ""
    yield "waiting", f"{count(queue['waiting'])}{oldest}, {size(queue['waiting_bytes'])}"
    yield "in flight", f"{count(queue['in_flight'])} on {count(clients['connections'])} connections"
    some = [f"{count(number)} {visible(state)}" for state, number in workers.items() if number]
    yield "workers", ", ".join(some) or "none"
    yield "loop lag", span(overview["loop_lag"])
