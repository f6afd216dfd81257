"""What a worker does when a call is refused, or lost."""

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.rest.cases.catalogue import case
from prack_grpc.conformance.rest.connection import BREAK, Reply
from prack_grpc.conformance.rest.trial import RestTrial, expect

QUIET_SECONDS = 0.5
RETRY_SECONDS = 2
MANY = 1000


@case("Errors", alone=True)
async def refused_polls_are_repeated(trial: RestTrial) -> None:
    """No answer to a poll makes a worker give up: a wrong token, a gateway that stops, none."""
    trial.gateway.refusals["poll"] = [
        Reply.problem(401, "unauthenticated"),
        BREAK,
        Reply.problem(503, "draining", Retry_After="1"),
        BREAK,
    ]
    expect(await trial.answer(rule="Errors"), 200, b"Hello\n", "Errors")


@case("Errors", alone=True)
async def retry_after(trial: RestTrial) -> None:
    """A poll that is refused with Retry-After is repeated when that is over."""
    gateway = trial.gateway
    await trial.parked()
    await gateway.quiet(QUIET_SECONDS, "Errors")
    loops, before = gateway.parked, len(gateway.polls)
    refusal = Reply.problem(429, "too_many_polls", Retry_After=str(RETRY_SECONDS))
    gateway.refusals["poll"] = [refusal] * MANY
    gateway.release()
    await gateway.quiet(RETRY_SECONDS * 0.9, "Errors")
    if (polls := len(gateway.polls) - before) > loops:
        seen = f"{polls} polls of {loops} within the {RETRY_SECONDS} s of Retry-After"
        raise Broken("Errors", seen)
    gateway.refusals["poll"].clear()
    expect(await trial.answer(rule="Errors"), 200, b"Hello\n", "Errors")


@case("Errors")
async def late_answers_are_forgotten(trial: RestTrial) -> None:
    """An answer that gets 404, 409 or 410 is not sent again, and the worker goes on."""
    for verdict in ((404, "unknown_request"), (409, "stale_lease"), (410, "gone")):
        hand_out = await trial.answer(verdict=verdict)
        await trial.gateway.quiet(QUIET_SECONDS, "Errors")
        if hand_out.pushes > 1:
            raise Broken("Errors", f"{hand_out.pushes} pushes of an answer that got {verdict}")
    expect(await trial.answer(rule="Errors"), 200, b"Hello\n", "Errors")


@case("Errors")
async def idle_connections_end(trial: RestTrial) -> None:
    """A connection that the gateway closes while it is idle costs no answer."""
    hand_out = await trial.offer("/slow/500")
    await trial.taken(hand_out)
    for connection in list(trial.gateway.connections):
        if connection.idle:
            connection.close()
    await trial.done(hand_out, rule="Errors")
    expect(hand_out, 200, b"slow\n", "Errors")
