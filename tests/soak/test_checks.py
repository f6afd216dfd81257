"""The checks find what is wrong, each of them; else a soak that passes proves nothing."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast

import pytest

from soak.checks import CHECKS, told_at_once
from soak.cluster import CLUSTER_FAULTS
from soak.faults import FAULTS, Fault
from soak.fleet import Fleet, Kind
from soak.gauges import Gauges, Sample
from soak.history import History
from soak.journal import State, Visit
from soak.orders import Order
from soak.outcomes import Outcome, Result
from soak.report import report
from tests.docs.pages import page, rows

WORKER, OTHER = 100, 200
KIND = Kind("grpc", slots=1)
SENT, ENDED = 10.0, 11.0
GET, POST = Order("n", "get"), Order("n", "post", "POST")
SOCKET = Order("n", "websocket", messages=1)
ALL = CHECKS | {"told at once": partial(told_at_once, seconds=1)}

# These histories were written down, not lived.
NO_FLEET = cast(Fleet, None)


def scene(
    order: Order,
    result: Result = Result.ANSWERED,
    status: int = 200,
    code: str = "",
    workers: tuple[int, ...] = (WORKER,),
    faults: tuple[Fault, ...] = (),
    **fields: object,
) -> History:
    """One request that these workers ran, one after the other."""
    outcome = Outcome(order, SENT, result, SENT, ENDED, status, code, right=status == 200, sends=1)
    gauges = Gauges(NO_FLEET, first=Sample(0, 1, 0, 0), last=Sample(0, 1, 0, 0), audits=1)
    history = History([outcome], list(faults), gauges, {WORKER: KIND, OTHER: KIND})
    history.add_visits(
        Visit("n", pid, at + 1, SENT + at / 10, finish=SENT + (at + 1) / 10)
        for at, pid in enumerate(workers)
    )
    name = f"host-{workers[-1]}-0123abcd" if workers else None
    history.add_lines([{"target": "/n?wait=0", "status": status, "worker": name}])
    for field, value in fields.items():
        setattr(history if hasattr(history, field) else gauges, field, value)
    history.index()
    return history


def kill(pid: int = WORKER, at: float = ENDED - 0.5) -> Fault:
    return Fault("kill", (pid,), at, at)


def crash(gateway: int = 0, *pids: int) -> Fault:
    return Fault("crash", pids, SENT + 0.5, ENDED, gateway)


def broken(history: History) -> set[str]:
    """The names of the checks that this history does not pass."""
    found = {name: list(check(history)) for name, check in ALL.items()}
    text = report(history, found)
    assert all((name in text) for name in found)
    return {name for name, lines in found.items() if lines}


LOST: dict[str, Any] = {"status": 502, "code": "worker_lost"}
# What the access log says if another gateway's worker had it.
HOSTED = {"n": [{"target": "/n", "status": 502, "worker": "0a1b2c3d", "attempt": 1}]}
GIVEN_BACK = {"n": [HOSTED["n"][0] | {"status": 503}]}
AGAIN = {"target": "/n", "status": 502, "worker": f"w-{WORKER}-00000000", "attempt": 2}
FINE: dict[str, Callable[[], History]] = {
    "answered": lambda: scene(GET),
    "refused": lambda: scene(Order("n", "bad", bad=True), status=400, code="x", workers=()),
    "left": lambda: scene(GET, Result.LEFT, status=0),
    "lost with its worker": lambda: scene(POST, **LOST, faults=(kill(),)),
    "lost twice": lambda: scene(
        GET, **LOST, workers=(WORKER, OTHER), faults=(kill(at=SENT), kill(OTHER))
    ),
    "repeated": lambda: scene(GET, workers=(WORKER, OTHER), faults=(kill(),)),
    "cut with its worker": lambda: scene(GET, Result.CUT, faults=(kill(),)),
    "too many": lambda: scene(
        GET, status=503, code="queue_full", workers=(), faults=(Fault("flood", (), SENT, ENDED),)
    ),
    "paused for too long": lambda: scene(
        POST, **LOST, faults=(Fault("pause", (WORKER,), SENT - 4, ENDED),)
    ),
    "lost with its gateway": lambda: scene(POST, Result.BROKEN, 0, "refused", faults=(crash(),)),
    "lost with the gateway of its worker": lambda: scene(POST, **LOST, faults=(crash(1, WORKER),)),
    "on its way to a worker of another gateway": lambda: scene(
        POST, **LOST, workers=(), faults=(kill(OTHER),), lines=HOSTED
    ),
    "too many without the others": lambda: scene(
        GET,
        status=503,
        code="overloaded",
        workers=(),
        faults=(Fault("outage", (), SENT, ENDED), kill(OTHER)),
    ),
    "lost twice, and begun once": lambda: scene(
        GET, **LOST, faults=(kill(at=SENT), kill()), lines={"n": [AGAIN]}
    ),
    "closed by a drain": lambda: scene(
        SOCKET, Result.CLOSED, 1012, faults=(Fault("drain", (WORKER,), SENT, ENDED),)
    ),
}
WRONG: dict[str, tuple[str, Callable[[], History]]] = {
    "hung": ("one response", lambda: scene(GET, Result.HUNG, 0, faults=(kill(),))),
    "reset": ("one response", lambda: scene(GET, Result.BROKEN, 0, faults=(kill(),))),
    "reset by another gateway's death": (
        "one response",
        lambda: scene(GET, Result.BROKEN, 0, faults=(crash(1),)),
    ),
    "answered twice": ("one response", lambda: scene(GET, strays=[b"HTTP/1.1"])),
    "not logged": ("one line of log", lambda: scene(GET, lines={"n": []})),
    "of another": ("the right response", lambda: _of_another()),
    "post run twice": (
        "run once, or repeated",
        lambda: scene(POST, workers=(WORKER, OTHER), faults=(kill(),)),
    ),
    "run three times": (
        "run once, or repeated",
        lambda: scene(GET, workers=(WORKER, OTHER, OTHER), faults=(kill(),)),
    ),
    "run twice without a cause": (
        "run once, or repeated",
        lambda: scene(GET, workers=(WORKER, OTHER)),
    ),
    "too many at a time": (
        "within the slots",
        lambda: scene(
            GET, visits={"n": [Visit("n", WORKER, 1, SENT)], "m": [Visit("m", WORKER, 1, SENT)]}
        ),
    ),
    "refused and run": (
        "refused is never run",
        lambda: scene(Order("n", "bad", bad=True), status=400, code="x"),
    ),
    "failed by a drain": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(Fault("drain", (WORKER,), SENT, ENDED),)),
    ),
    "failed by another's death": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(kill(OTHER),)),
    ),
    "given back": (
        "failures have causes",
        lambda: scene(POST, status=503, code="refused", workers=(), lines=GIVEN_BACK),
    ),
    "too many without NATS": (
        "failures have causes",
        lambda: scene(
            GET,
            status=503,
            code="overloaded",
            workers=(),
            faults=(Fault("outage", (), SENT, ENDED),),
        ),
    ),
    "failed without a fault at another gateway": (
        "failures have causes",
        lambda: scene(POST, **LOST, workers=(), lines=HOSTED),
    ),
    "failed by another gateway's death": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(crash(1, OTHER),)),
    ),
    "run twice by its gateway's death": (
        "run once, or repeated",
        lambda: scene(POST, Result.BROKEN, 0, workers=(WORKER, OTHER), faults=(crash(),)),
    ),
    "failed before the death": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(kill(at=ENDED + 1),)),
    ),
    "a short pause costs nothing": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(Fault("pause", (WORKER,), SENT, ENDED),)),
    ),
    "a flicker costs nothing": (
        "failures have causes",
        lambda: scene(POST, **LOST, faults=(Fault("flicker", (WORKER,), SENT, ENDED),)),
    ),
    "closed without a cause": (
        "failures have causes",
        lambda: scene(SOCKET, Result.CLOSED, 1012),
    ),
    "not repeated": (
        "repeatable ones survive",
        lambda: scene(GET, **LOST, faults=(kill(), kill(OTHER))),
    ),
    "unbalanced": ("books balance", lambda: scene(GET, unbalanced=["1 != 2"])),
    "never audited": ("books balance", lambda: scene(GET, audits=0)),
    "fat": ("memory and files are back", lambda: scene(GET, last=Sample(0, 1, 1 << 30, 0))),
    "leaking": ("memory and files are back", lambda: scene(GET, last=Sample(0, 1, 0, 1000))),
    "noisy": ("all processes behave", lambda: scene(GET, complaints=["Traceback"])),
    "told late": ("told at once", lambda: scene(POST, **LOST, faults=(kill(at=ENDED - 2),))),
}


def _of_another() -> History:
    history = scene(GET)
    history.outcomes[0].right = False
    return history


@pytest.mark.parametrize("name", FINE)
def test_what_is_promised_passes(name: str) -> None:
    assert broken(FINE[name]()) == set()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_found(name: str) -> None:
    check, history = WRONG[name]
    assert broken(history()) == {check}


def test_faults_that_struck_too_little_prove_nothing() -> None:
    faults = tuple(Fault("kill", (WORKER,), SENT + 0.5, ENDED) for _ in range(9))
    assert broken(scene(GET, faults=faults)) == {"every state was struck"}


def test_states_at_the_time_of_a_fault() -> None:
    visit = Visit("n", WORKER, 1, start=1, head=2, finish=3)
    states = [None, State.LEASED, State.ANSWERING, None]
    assert [visit.state(at) for at in (0.5, 1.5, 2.5, 3.5)] == states
    history = scene(GET, faults=(kill(OTHER, SENT + 0.05), kill(WORKER, SENT + 0.07)))
    assert [dict(history.struck(fault)) for fault in history.faults] == [{}, {State.LEASED: 1}]
    queued = scene(GET, workers=(), faults=(kill(OTHER, SENT + 0.05),))
    assert dict(queued.struck(queued.faults[0])) == {State.QUEUED: 1}


@pytest.mark.parametrize(("head", "names"), [("fault", FAULTS + CLUSTER_FAULTS), ("check", ALL)])
def test_the_page_explains_each_of_them(head: str, names: Iterable[str]) -> None:
    table = rows(page("docs/soak.md"), head)
    assert {row[0].strip("`") for row in table if all(row)} == set(names)
