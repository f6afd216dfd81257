"""Sections 2, 8 and 11: hello, tokens, and dialling again."""

import asyncio

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken, Terms
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.trial import StreamTrial
from prack_grpc.conformance.worker import TOKEN

MAX_SLOTS, MIN_SLOTS = 10_000, 4
MAX_NAME, INSTANCE = 128, 16
SILENT_SECONDS = 0.4
RETRY_SECONDS = 1.5
REFUSED_SECONDS, MOST_DIALS = 2.0, 25
STRANGERS = 2


@case("2.1", alone=True)
async def hello(trial: StreamTrial) -> None:
    """The first frame is a hello whose worker_id, slots and minors are in range."""
    told = (await trial.dialled()).hello
    if not 1 <= len(told.worker_id) <= MAX_NAME or not all("!" <= c <= "~" for c in told.worker_id):
        raise Broken("2.1", f"worker_id {told.worker_id!r}; expected 1 to 128 visible ASCII")
    slots, sockets = told.capacity.max_in_flight, told.capacity.max_websockets
    if not 1 <= slots <= MAX_SLOTS or not 0 <= sockets <= MAX_SLOTS:
        raise Broken("2.1", f"max_in_flight {slots}, max_websockets {sockets}")
    if slots < MIN_SLOTS:
        raise Broken("3.1", f"{slots} slots; start the worker with {MIN_SLOTS} or more for the kit")
    if not told.minor_min <= 1 <= told.minor_max:
        raise Broken("2.1", f"minors {told.minor_min} to {told.minor_max}; expected 1 among them")


@case("2.2", alone=True)
async def silent_before_the_welcome(trial: StreamTrial) -> None:
    """After its hello a worker sends nothing until the welcome has come."""
    session = await trial.dialled()
    await session.quiet(SILENT_SECONDS, "2.2")
    session.welcome()
    await session.answer()


@case("2.3", advice=True)
async def instance(trial: StreamTrial) -> None:
    """The hello has an instance of 16 bytes."""
    told = (await trial.session()).hello.instance
    if len(told) != INSTANCE:
        raise Broken("2.3", f"an instance of {len(told)} bytes; expected {INSTANCE} random ones")


@case("2.3", "2.4", alone=True, advice=True)
async def dials_again(trial: StreamTrial) -> None:
    """A worker whose stream ends, in whatever way, dials again as the same process."""
    first = await trial.session()
    session = first
    for end in ("end", "reset", "end"):
        getattr(session.link, end)()
        session = await trial.welcomed()
        if (session.hello.worker_id, session.hello.instance) != (
            first.hello.worker_id,
            first.hello.instance,
        ):
            raise Broken("2.3", "another worker_id or instance, from the same process")
    await session.answer()


@case("2.4", alone=True, advice=True)
async def backs_off(trial: StreamTrial) -> None:
    """A worker that is refused dials again, after delays that grow."""
    trial.gateway.refusals = ["silence"] * 1000
    await trial.started()
    await asyncio.sleep(REFUSED_SECONDS)
    dials = list(trial.gateway.dials)
    trial.gateway.refusals.clear()
    if len(dials) > MOST_DIALS:
        raise Broken("2.4", f"{len(dials)} dials within {REFUSED_SECONDS:g} s")
    await (await trial.session()).answer()


@case("2.4", "2.5", "11.2", alone=True, advice=True)
async def refused_dials_are_repeated(trial: StreamTrial) -> None:
    """No answer to a dial makes a worker give up: no token, a gateway that stops, silence."""
    trial.gateway.refusals = ["token", "draining", "silence"]
    await (await trial.session()).answer()


@case("2.5")
async def token(trial: StreamTrial) -> None:
    """A worker that has a token sends it with the call, as Bearer."""
    seen = (await trial.session()).link.authorization
    if seen != f"Bearer {TOKEN}":
        raise Broken("2.5", f"authorization {seen!r}; expected 'Bearer ' and PRACK_TOKEN")


@case("2.4", "8.2", alone=True, advice=True)
async def stream_error_to_retry(trial: StreamTrial) -> None:
    """After a StreamError with retry a worker dials again, not before retry_in_ms."""
    session = await trial.session()
    milliseconds = round(RETRY_SECONDS * 1000)
    told = asyncio.get_running_loop().time()
    session.send(
        error=pb.StreamError(code="newer", message="kit", retry=True, retry_in_ms=milliseconds)
    )
    session.link.end()
    session = await trial.welcomed()
    waited = asyncio.get_running_loop().time() - told
    if waited < RETRY_SECONDS * 0.9:
        raise Broken("2.4", f"dialled after {waited:.1f} s; retry_in_ms was {milliseconds}")
    await session.answer()


@case("2.4", "8.2", alone=True)
async def stream_error_for_good(trial: StreamTrial) -> None:
    """After a StreamError without retry a worker gives up, with an exit status that is not 0."""
    session = await trial.session()
    session.send(error=pb.StreamError(code="newer", message="kit", retry=False))
    session.link.end()
    if await trial.ends("2.4") == 0:
        raise Broken("2.4", "the exit status 0 after a StreamError without retry")


@case("11.2", only="prack", terms=Terms(late=True))
async def waits_for_the_upgrade(trial: StreamTrial) -> None:
    """A worker asks for the upgrade, and sends nothing before the 101."""
    await (await trial.session()).answer()


@case("11.5", needs="tls", terms=Terms(tls=True))
async def tls(trial: StreamTrial) -> None:
    """A worker dials over TLS, and trusts the authority that it was told to."""
    await (await trial.session()).answer()


@case("11.5", "2.4", needs="tls", terms=Terms(tls=True, strangers=STRANGERS))
async def tls_of_strangers(trial: StreamTrial) -> None:
    """A worker says nothing to a gateway whose certificate it cannot trust, and dials again."""
    session = await trial.session()
    if trial.gateway.greetings <= STRANGERS:
        raise Broken("11.5", "a dial to a gateway with the certificate of a stranger")
    await session.answer()
