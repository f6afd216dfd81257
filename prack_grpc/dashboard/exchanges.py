"""What is in flight and what has just happened, request by request."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Literal

from prack_grpc.core.status import ExchangeStatus
from prack_grpc.core.worker import Profile
from prack_grpc.telemetry.books.ended import Ended
from prack_grpc.telemetry.books.watch import Watch

State = Literal["waiting", "answering", "ended"]
Order = Literal["slowest", "newest", "errors"]
MOST_TEXT = 512
STATUS = "[1-5]xx|[1-5][0-9][0-9]|0"


@dataclass(frozen=True)
class ExchangeRow:
    """One request. Times are in seconds, `received_at` is Unix time, bytes are those of bodies.

    A `status` of 0: the client was sent nothing. `outcome` says who ended it: `worker`, `gateway`,
    with an `error`, or `client_gone`; it is empty while it goes on. It waited in the `queue`, then
    for its worker, and `gateway` is what neither explains until the head of its response.
    """

    id: str
    state: State
    method: str
    host: str
    target: str
    status: int
    error: str
    outcome: str
    route: str
    worker: str
    service: str
    version: str
    transport: str
    attempt: int
    received_at: float
    duration: float
    queue: float
    worker_time: float | None
    gateway: float | None
    bytes_in: int | None
    bytes_out: int | None
    client: str | None


@dataclass(frozen=True)
class HandOutRow:
    """When which worker got it, in Unix time."""

    worker: str
    service: str
    version: str
    at: float
    attempt: int


@dataclass(frozen=True)
class Timeline(ExchangeRow):
    """One request with everything that is known of it, in Unix times, null for what was not."""

    hand_outs: list[HandOutRow]
    first_byte_at: float | None
    ended_at: float | None


@dataclass(frozen=True)
class ExchangeRows:
    """At most as many as were asked for, of `total`."""

    total: int
    exchanges: list[ExchangeRow]


@dataclass(frozen=True)
class Wanted:
    """What is to be shown: all that these texts are in, each of them if it is not empty."""

    state: Literal["live", "ended"]
    status: str
    route: str
    worker: str
    text: str
    sort: Order
    most: int

    def fits(self, row: ExchangeRow) -> bool:
        """Whether it is to be shown."""
        return (
            _has_status(row.status, self.status)
            and self.route in ("", row.route)
            and self.worker in ("", row.worker)
            and (
                self.text in row.target
                or self.text in row.host
                or self.text in (row.id, row.error, row.method, row.service, row.version)
            )
        )


class Exchanges:
    """Those of now, of `live`, and those that the books remember."""

    def __init__(self, watch: Watch, live: Callable[[], Iterator[ExchangeStatus]]) -> None:
        self._watch = watch
        self._live = live

    def rows(self, wanted: Wanted) -> ExchangeRows:
        """What is wanted, in its order."""
        rows = map(_live_row, self._live()) if wanted.state == "live" else self._ended()
        found = [row for row in rows if wanted.fits(row)]
        found.sort(key=ORDERS[wanted.sort])
        return ExchangeRows(len(found), found[: wanted.most])

    def find(self, id_: str) -> Timeline | None:
        """One request by its id; None if it is not known any more."""
        for live in self._live():
            if live.id == id_:
                return self._live_timeline(live)
        for ended in self._watch.books.last():
            if ended.id == id_:
                return self._ended_timeline(ended)
        return None

    def _ended(self) -> Iterator[ExchangeRow]:
        for one in self._watch.books.last():
            yield _ended_row(one, self._watch.unix)

    def _live_timeline(self, one: ExchangeStatus) -> Timeline:
        row = _live_row(one)
        hand_outs = []
        if one.profile is not None:
            at = row.received_at + one.queued
            hand_outs = [_hand_out(one.profile, at, one.attempt)]
        return Timeline(**_fields(row), hand_outs=hand_outs, first_byte_at=None, ended_at=None)

    def _ended_timeline(self, one: Ended) -> Timeline:
        unix = self._watch.unix
        given = [*one.earlier]
        hand_outs = [
            _hand_out(profile, unix(at), number) for number, (profile, at) in enumerate(given, 1)
        ]
        if one.profile is not None:
            hand_outs.append(_hand_out(one.profile, unix(one.handed), len(given) + 1))
        return Timeline(
            **_fields(_ended_row(one, unix)),
            hand_outs=hand_outs,
            first_byte_at=unix(one.started) if one.status else None,
            ended_at=unix(one.ended),
        )


ORDERS: dict[Order, Callable[[ExchangeRow], Any]] = {
    "slowest": lambda row: -row.duration,
    "newest": lambda row: -(row.received_at + row.duration),
    "errors": lambda row: (
        {"gateway": 0, "client_gone": 2}.get(row.outcome, 1 if row.status >= 500 else 3),
        -(row.received_at + row.duration),
    ),
}


def _has_status(status: int, wanted: str) -> bool:
    if not wanted:
        return True
    return status // 100 == int(wanted[0]) if wanted.endswith("xx") else status == int(wanted)


def _live_row(one: ExchangeStatus) -> ExchangeRow:
    request, profile = one.request, one.profile
    return ExchangeRow(
        id=one.id,
        state="waiting" if profile is None else "answering",
        method=_text(request.method),
        host=_text(request.authority),
        target=_text(request.target),
        status=0,
        error="",
        outcome="",
        route=one.route,
        **_worker(profile),
        attempt=one.attempt,
        received_at=time.time() - one.seconds,
        duration=one.seconds,
        queue=one.queued,
        worker_time=None if profile is None else one.seconds - one.queued,
        gateway=None,
        bytes_in=request.body_length if request.body_length >= 0 else None,
        bytes_out=None,
        client=request.client[0],
    )


def _ended_row(one: Ended, unix: Callable[[float], float]) -> ExchangeRow:
    return ExchangeRow(
        id=one.id,
        state="ended",
        method=one.method,
        host=_text(one.authority),
        target=_text(one.target),
        status=one.status,
        error=one.error,
        outcome=one.outcome,
        route=one.route,
        **_worker(one.profile),
        attempt=one.attempt,
        received_at=unix(one.began),
        duration=one.ended - one.began,
        queue=one.queue,
        worker_time=one.worker if one.profile is not None else None,
        gateway=one.gateway if one.status else None,
        bytes_in=one.taken,
        bytes_out=one.sent,
        client=one.client,
    )


def _worker(profile: Profile | None) -> dict[str, str]:
    if profile is None:
        return dict.fromkeys(("worker", "service", "version", "transport"), "")
    return {
        "worker": profile.worker,
        "service": profile.service,
        "version": profile.version,
        "transport": profile.transport,
    }


def _hand_out(profile: Profile, at: float, attempt: int) -> HandOutRow:
    return HandOutRow(profile.worker, profile.service, profile.version, at, attempt)


def _fields(row: ExchangeRow) -> dict[str, Any]:
    return {field.name: getattr(row, field.name) for field in fields(row)}


def _text(data: bytes) -> str:
    return data[:MOST_TEXT].decode("latin-1")
