"""What must be true of a history; each check tells where it is not."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate, chain

from soak.faults import HARMFUL
from soak.history import History
from soak.journal import State
from soak.outcomes import Outcome, Result

# More requests wait than may, or than can be served in time.
FULL = ("queue_full", "overloaded")
# A WebSocket is told that its end is not its own fault: going away, service restart.
CLOSES = (1001, 1012)
# What may end a WebSocket besides: it cannot be handed on.
ENDING = ("drain", "roll", "upgrade")
# From so many of a kind on, requests in every state must have been struck.
OFTEN = 5

Found = Iterator[str]


def one_response(history: History) -> Found:
    """S1: exactly one response, unless the client has left; nobody waits for ever."""
    for outcome in history.outcomes:
        lost = outcome.result is Result.BROKEN and not history.abandoned(outcome)
        if lost or outcome.result in (Result.HUNG, Result.OPEN):
            yield f"{_of(outcome)}: no response"
    for stray in history.strays:
        yield f"bytes that no request had asked for: {stray!r}"


def logged_once(history: History) -> Found:
    """Every response is one line of the access log, with its status."""
    for outcome in history.outcomes:
        told = outcome.result is Result.ANSWERED and not history.abandoned(outcome)
        if told and not outcome.order.messages:
            lines = [line["status"] for line in history.lines[outcome.order.nonce]]
            if not lines or lines[-1] != outcome.status or len(lines) > outcome.sends:
                yield f"{_of(outcome)}: the access log says {lines}"


def right_response(history: History) -> Found:
    """S2: the response to this request, byte for byte, and in the order of the pipeline."""
    for outcome in history.outcomes:
        if outcome.result is Result.ANSWERED and outcome.status == 200 and not outcome.right:
            yield f"{_of(outcome)}: not the response to this request"


def runs(history: History) -> Found:
    """S3: run once; twice only if it may be repeated and its first worker was lost."""
    for outcome in history.outcomes:
        count = len(history.visits[outcome.order.nonce])
        if count > 1 and history.abandoned(outcome):
            # Its client may have sent it again: then it is another request.
            count -= outcome.sends - 1
        if count > 1 + outcome.order.repeatable:
            yield f"{_of(outcome)}: run {count} times"
        elif count > 1 and not history.causes(outcome):
            yield f"{_of(outcome)}: run twice, though no worker was lost"


def within_slots(history: History) -> Found:
    """No worker runs more requests at a time than it has slots."""
    events: dict[int, list[tuple[float, int]]] = {pid: [] for pid in history.kinds}
    for visit in chain.from_iterable(history.visits.values()):
        events[visit.pid].append((visit.start, 1))
        if visit.finish is not None:
            events[visit.pid].append((visit.finish, -1))
    for pid, some in events.items():
        most = max(accumulate(change for _, change in sorted(some)), default=0)
        if most > history.kinds[pid].slots:
            yield f"worker {pid} ran {most} requests at a time, in {history.kinds[pid].slots} slots"


def refused_never_run(history: History) -> Found:
    """A 4xx or 503 of the gateway says that no worker has begun the request."""
    for outcome in history.outcomes:
        refused = outcome.code and (0 < outcome.status < 500 or outcome.status == 503)
        if refused and history.visits[outcome.order.nonce]:
            yield f"{_of(outcome)}: it has run"


def failures_have_causes(history: History) -> Found:
    """Only what kills or silences a worker costs requests, and only those that it had."""
    for outcome in history.outcomes:
        if outcome.failed and not (_excused(history, outcome) or history.abandoned(outcome)):
            yield f"{_of(outcome)}: no fault is the cause"


def _excused(history: History, outcome: Outcome) -> bool:
    if outcome.status == 503:
        # Where NATS is away, a gateway has only its own workers: some of these must be lost, too.
        alone = history.during(outcome, ("outage",)) and history.during(outcome, HARMFUL)
        return outcome.code in FULL and bool(alone or history.during(outcome, ("flood",)))
    causes = history.causes(outcome)
    if outcome.order.messages and outcome.result is Result.CLOSED:
        holders = history.holders(outcome)
        ends = [
            fault
            for fault in history.during(outcome, ENDING)
            if not fault.pids or holders.intersection(fault.pids)
        ]
        return outcome.status in CLOSES and bool(causes or ends)
    return outcome.status in (200, 502, 504) and bool(causes)


def repeated(history: History) -> Found:
    """A request that can be sent again is, when its first worker was lost before the head."""
    for outcome in history.outcomes:
        lost = outcome.failed and outcome.status in (502, 504)
        if lost and outcome.order.replayable and not _lost_twice(history, outcome):
            yield f"{_of(outcome)}: was not given to a second worker"


def _lost_twice(history: History, outcome: Outcome) -> bool:
    """As far as one can tell: a worker may be lost before it has begun what it was given."""
    visits = history.visits[outcome.order.nonce]
    begun = {visit.pid for visit in visits}
    if begun and begun == history.holders(outcome) and not history.unseen(outcome):
        return history.attempts(outcome) > 1
    return len(history.during(outcome, HARMFUL)) > 1


def told_at_once(history: History, seconds: float) -> Found:
    """Whoever waits for a worker that is killed hears it soon; over REST nobody can tell."""
    for outcome in history.outcomes:
        kills = [
            fault.begun
            for fault in history.causes(outcome)
            if fault.kind == "kill" and history.kinds[fault.pids[0]].streams
        ]
        if outcome.status == 502 and outcome.ended and len(kills) == len(history.causes(outcome)):
            late = outcome.ended - max(kills, default=outcome.ended)
            if late > seconds:
                yield f"{_of(outcome)}: told {late:.1f} s after the kill"


def balanced(history: History) -> Found:
    """S12: accepted = ended + in flight, and handed out = given back + held, at every look."""
    yield from history.gauges.unbalanced
    if not history.gauges.audits:
        yield "the gateway's counters were never seen"


def small_again(history: History) -> Found:
    """The gateway's memory and files are back to what they were."""
    gauges = history.gauges
    if gauges.grown:
        yield f"{gauges.first} became {gauges.last}"


def quiet(history: History) -> Found:
    """The gateway's log has no error, and who is asked to stop does so in order."""
    yield from history.complaints


def covered(history: History) -> Found:
    """A kind of fault that came often struck requests in every state; else it proves little."""
    done = Counter(fault.kind for fault in history.faults)
    for kind, states in coverage(history).items():
        for state in State:
            if done[kind] >= OFTEN and not states[state]:
                yield f"{kind}: no request was {state}"


def coverage(history: History) -> dict[str, Counter[State]]:
    """How many requests were in which state when faults of each kind struck."""
    found: dict[str, Counter[State]] = {}
    for fault in history.faults:
        found.setdefault(fault.kind, Counter()).update(history.struck(fault))
    return found


def _of(outcome: Outcome) -> str:
    seconds = (outcome.ended or outcome.sent) - outcome.sent
    how = f"{outcome.result} {outcome.status} {outcome.code}".rstrip()
    return f"{outcome.order.kind} {outcome.order.nonce} ({how} after {seconds:.1f} s)"


CHECKS: dict[str, Callable[[History], Found]] = {
    "one response": one_response,
    "one line of log": logged_once,
    "the right response": right_response,
    "run once, or repeated": runs,
    "within the slots": within_slots,
    "refused is never run": refused_never_run,
    "failures have causes": failures_have_causes,
    "repeatable ones survive": repeated,
    "books balance": balanced,
    "memory and files are back": small_again,
    "all processes behave": quiet,
    "every state was struck": covered,
}
