"""Pull, and who may."""

from prack_grpc.conformance.case import Broken, Skipped, Terms
from prack_grpc.conformance.expected import SENT, TARGET, reached
from prack_grpc.conformance.rest.cases.catalogue import case
from prack_grpc.conformance.rest.trial import RestTrial, expect
from prack_grpc.conformance.worker import TOKEN

LARGE = bytes(range(256)) * 4000
ROUNDS, STRANGERS = 3, 2
SHORT_MS, LONG_MS = 1500, 2500


async def polled_after(trial: RestTrial, polls: int) -> None:
    """Have the parked polls return, and see more than so many. Raises Broken."""
    trial.gateway.release()
    await trial.gateway.until(
        lambda: len(trial.gateway.polls) > polls, "Pull", "a poll after one that brought nothing"
    )


@case("Pull")
async def empty_polls_are_repeated(trial: RestTrial) -> None:
    """After a poll that brought nothing, soon or late, a worker polls again."""
    for _ in range(ROUNDS):
        await trial.parked()
        await polled_after(trial, len(trial.gateway.polls))
    expect(await trial.answer(rule="Pull"), 200, b"Hello\n", "Pull")


@case("Pull")
async def request_reaches_the_application(trial: RestTrial) -> None:
    """Method, target and fields reach the application as they are, byte for byte."""
    hand_out = await trial.answer(TARGET, "REPORT", fields=SENT)
    reached(bytes(hand_out.answer), "Pull")


@case("Pull")
async def bodies_reach_the_application(trial: RestTrial) -> None:
    """A body reaches the application byte for byte, a large one too."""
    every = bytes(range(256))
    expect(await trial.answer("/echo", "POST", body=every), 200, every, "Pull")
    hand_out = await trial.answer("/sink", "POST", body=LARGE)
    expect(hand_out, 200, b"%d\n" % len(LARGE), "Pull")


@case("Pull")
async def unknown_members(trial: RestTrial) -> None:
    """Members of a request that a worker does not know are ignored."""
    hand_out = await trial.answer(
        rule="Pull", more={"prack.newer": {"a": [1, None]}, "prack.newest": True}
    )
    expect(hand_out, 200, b"Hello\n", "Pull")


@case("Pull", needs="concurrency")
async def several_at_a_time(trial: RestTrial) -> None:
    """A worker with several slots answers one request while it works on others."""
    held = [await trial.offer("/slow/1200") for _ in range(2)]
    await trial.taken(*held)
    other = await trial.offer()
    await trial.done(other, rule="Pull")
    if any(one.done for one in held):
        raise Broken("Pull", "a request was answered only after those before it")
    await trial.done(*held)


@case("Not answering")
async def extends_its_lease(trial: RestTrial) -> None:
    """A worker that polls with a lease extends it before it ends."""
    await trial.parked()
    if not trial.gateway.polls[-1][1].lease:
        raise Skipped("this worker polls without a lease")
    trial.gateway.release()
    hand_out = await trial.offer(f"/slow/{LONG_MS}", deadline_ms=SHORT_MS)
    await trial.taken(hand_out)
    await trial.gateway.until(
        lambda: hand_out.extensions > 0 or hand_out.done,
        "Not answering",
        "an extension before the deadline",
        SHORT_MS / 1000,
    )
    await trial.done(hand_out)


@case("Token")
async def token(trial: RestTrial) -> None:
    """A worker that has a token sends it with each call, as Bearer."""
    await trial.answer()
    if trial.gateway.tokens != {f"Bearer {TOKEN}"}:
        seen = sorted(trial.gateway.tokens)
        raise Broken("Token", f"Authorization {seen}; expected 'Bearer ' and PRACK_TOKEN")


@case("Token", needs="tls", terms=Terms(tls=True))
async def tls(trial: RestTrial) -> None:
    """A worker calls over TLS, and trusts the authority that it was told to."""
    await trial.started()
    await trial.gateway.until(
        lambda: trial.gateway.calls > 0, "Token", "a handshake of TLS that succeeds"
    )
    await trial.answer()


@case("Token", needs="tls", terms=Terms(tls=True, strangers=STRANGERS))
async def tls_of_strangers(trial: RestTrial) -> None:
    """A worker says nothing to a gateway whose certificate it cannot trust, and calls again."""
    await trial.started()
    await trial.gateway.until(lambda: trial.gateway.calls > 0, "Token", "another try")
    await trial.answer()
