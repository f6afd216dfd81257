"""Section 6: heartbeats."""

import time
from itertools import pairwise

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.trial import StreamTrial

HEARTBEAT_MS, DEAD_MS = 500, 1500
WATCHED_SECONDS = 2.5
NONCE = 77
LOST_SECONDS = 0.8


@case("6.1", terms=Terms(heartbeat_ms=HEARTBEAT_MS, dead_after_ms=60_000))
async def heartbeats(trial: StreamTrial) -> None:
    """A worker that has nothing to say sends a Heartbeat at least every heartbeat_ms."""
    session = await trial.session()
    began = time.monotonic()
    await session.quiet(WATCHED_SECONDS, "6.1")
    times = [began, *(at for at, _ in session.frames if at > began), time.monotonic()]
    longest = max(b - a for a, b in pairwise(times))
    if longest > 2 * HEARTBEAT_MS / 1000:
        raise Broken("6.1", f"{longest:.1f} s of silence; heartbeat_ms is {HEARTBEAT_MS}")


@case("6.1")
async def nonce(trial: StreamTrial) -> None:
    """A heartbeat with a nonce is answered with this number in echo."""
    session = await trial.session()
    session.send(heartbeat=pb.Heartbeat(nonce=NONCE))
    await session.until(
        lambda: any(frame.heartbeat.echo == NONCE for _, frame in session.frames),
        "6.1",
        f"a heartbeat with echo {NONCE}",
    )


@case(
    "6.1",
    "2.4",
    advice=True,
    terms=Terms(heartbeat_ms=HEARTBEAT_MS, dead_after_ms=DEAD_MS, beats=False),
)
async def silent_gateway_is_left(trial: StreamTrial) -> None:
    """A gateway that is silent for dead_after_ms is dead: the worker ends the stream and dials."""
    session = await trial.session()
    began = time.monotonic()
    await session.until(
        lambda: session.over, "6.1", "the end of a silent stream", DEAD_MS / 1000 + trial.patience
    )
    if time.monotonic() - began < DEAD_MS / 1000 * 0.6:
        raise Broken("6.1", f"left a gateway before dead_after_ms, {DEAD_MS}")
    await (await trial.welcomed()).answer()


@case("6.1", terms=Terms(heartbeat_ms=HEARTBEAT_MS, dead_after_ms=DEAD_MS))
async def living_gateway_is_kept(trial: StreamTrial) -> None:
    """Heartbeats keep a stream alive, also when there is nothing else for long."""
    session = await trial.session()
    await session.quiet(WATCHED_SECONDS, "6.1")
    await session.answer()


@case("6.2", "4.8", alone=True)
async def lost_stream_is_forgotten(trial: StreamTrial) -> None:
    """What a worker did for a stream that it has lost is not answered on another."""
    first = await trial.session()
    first.request("/slow/500")
    await first.answer()  # then the one before has begun
    first.link.reset()
    second = await trial.welcomed()
    await second.quiet(LOST_SECONDS, "6.2")
    await second.answer()
