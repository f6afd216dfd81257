"""How a worker stops."""

from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.rest.cases.catalogue import case
from prack_grpc.conformance.rest.trial import RestTrial, expect

RULE = "Stop"


async def stopped(trial: RestTrial) -> None:
    """Raises Broken."""
    if code := await trial.ends(RULE):
        raise Broken(RULE, f"the exit status {code} after SIGTERM")


@case(RULE, alone=True)
async def idle_stop(trial: RestTrial) -> None:
    """On SIGTERM an idle worker says that it leaves, or closes its polls, and ends."""
    await trial.parked()
    trial.worker.stop()
    await stopped(trial)


@case(RULE, alone=True)
async def stop_with_a_request(trial: RestTrial) -> None:
    """On SIGTERM a worker answers what it holds, takes nothing new, and ends."""
    held = await trial.offer("/slow/1000")
    await trial.taken(held)
    trial.worker.stop()
    await trial.done(held, rule=RULE)
    expect(held, 200, b"slow\n", RULE)
    await stopped(trial)


@case(RULE, alone=True)
async def request_at_the_last_moment(trial: RestTrial) -> None:
    """What a parked poll brings while its worker leaves is answered."""
    await trial.parked()
    last = trial.gateway.farewell = trial.gateway.make("/slow/300")
    trial.worker.stop()
    await stopped(trial)
    if last.given and not last.done:
        raise Broken(RULE, f"{last}: a poll brought it, and the worker ended without an answer")
