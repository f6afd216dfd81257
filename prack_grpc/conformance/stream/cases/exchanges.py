"""Section 4: one exchange."""

from typing import Any

from prack.v1 import worker_pb2 as pb
from prack_grpc.conformance.case import Broken
from prack_grpc.conformance.expected import SENT, TARGET, kept, reached
from prack_grpc.conformance.stream.cases.catalogue import case
from prack_grpc.conformance.stream.exchange import Exchange, pairs
from prack_grpc.conformance.stream.trial import StreamTrial

CUT_SECONDS = 0.3
FAILED = (pb.ABORT_CODE_UNSPECIFIED, pb.ABORT_CODE_HANDLER_ERROR)


def expect(exchange: Exchange, status: int, body: bytes, rule: str = "4.3") -> None:
    """Raises Broken."""
    if exchange.abort or (exchange.status, bytes(exchange.body)) != (status, body):
        seen = f"{exchange}, body {bytes(exchange.body[:80])!r}"
        raise Broken(rule, f"{seen}; expected {status} and {body[:80]!r}")


@case("4.3")
async def answers(trial: StreamTrial) -> None:
    """A worker answers with what the application says."""
    session = await trial.session()
    expect(await session.answer("/hello"), 200, b"Hello\n")
    expect(await session.answer("/status/404"), 404, b"")
    expect(await session.answer("/no-such-route"), 404, b"no such route\n")


@case("4.3", advice=True)
async def small_response_in_one_event(trial: StreamTrial) -> None:
    """A small response is one ResponseHead with body and end."""
    exchange = await (await trial.session()).answer()
    if exchange.head is None or not exchange.head.end:
        raise Broken("4.3", f"a head without end, and {len(exchange.chunks)} Data, for 6 bytes")


@case("4.2")
async def body_in_the_request(trial: StreamTrial) -> None:
    """A body that came with the request reaches the application."""
    session = await trial.session()
    body = bytes(range(256))
    expect(await session.answer("/echo", "POST", body=body), 200, body, "4.2")


@case("4.2")
async def body_in_two_parts(trial: StreamTrial) -> None:
    """A body whose first part came with the request goes on with Data, until Finish."""
    session = await trial.session()
    exchange = session.request("/echo", "POST", body=b"first,", end=False)
    await session.upload(exchange, b"second")
    await session.done(exchange)
    expect(exchange, 200, b"first,second", "4.2")


@case("4.2")
async def length_is_not_the_end(trial: StreamTrial) -> None:
    """A body ends with Finish, not with its last byte: one that is cut has all but that."""
    session = await trial.session()
    exchange = session.request("/sink", "POST", body=b"part", end=False, body_length=4)
    await session.quiet(CUT_SECONDS, "4.2")
    if exchange.done:
        raise Broken("4.2", f"{exchange}: answered before the Finish of its body")
    await session.upload(exchange, b"")
    await session.done(exchange)
    expect(exchange, 200, b"4\n", "4.2")


@case("4.2", "4.3")
async def pieces_pass_at_once(trial: StreamTrial) -> None:
    """Body bytes pass as they come, in both directions."""
    session = await trial.session()
    exchange = session.request("/echo", "POST", end=False)
    for size, piece in ((3, b"one"), (6, b"two")):
        await session.upload(exchange, piece, finish=False)
        await session.received(exchange, size, "4.3")
    await session.upload(exchange, b"")
    await session.done(exchange)
    stream = session.request("/stream")
    await session.until(lambda: stream.body == b"one\n", "4.3", "the first piece of /stream alone")
    await session.done(stream)
    expect(stream, 200, b"one\ntwo\nthree\n")


@case("4.4")
async def request_reaches_the_application(trial: StreamTrial) -> None:
    """Method, target and fields reach the application as they are, byte for byte."""
    session = await trial.session()
    flat = [part for field in SENT for part in field]
    exchange = await session.answer(TARGET, "REPORT", headers=flat)
    reached(bytes(exchange.body), "4.4")


@case("4.4")
async def fields_of_the_response(trial: StreamTrial) -> None:
    """Names of fields are lower-case; repeats, empty values and obs-text are kept."""
    exchange = await (await trial.session()).answer("/headers")
    kept(exchange.fields(), "4.4")


@case("4.12")
async def no_body_where_there_is_none(trial: StreamTrial) -> None:
    """A response to HEAD, and one with 204, 205 or 304, has no body."""
    session = await trial.session()
    expect(await session.answer("/hello", "HEAD"), 200, b"", "4.12")
    expect(await session.answer("/status/204"), 204, b"", "4.12")
    expect(await session.answer("/status/205"), 205, b"", "4.12")
    expect(await session.answer("/status/304"), 304, b"", "4.12")


@case("4.7", "4.13")
async def failure_before_the_head(trial: StreamTrial) -> None:
    """An error before the head is a response with 500, or Abort with HANDLER_ERROR."""
    exchange = await (await trial.session()).answer("/fail")
    failed = exchange.abort is not None and exchange.abort.code in FAILED
    if not failed and exchange.status != 500:
        raise Broken("4.7", f"{exchange}; expected 500 or HANDLER_ERROR")


@case("4.13")
async def failure_after_the_head(trial: StreamTrial) -> None:
    """A response that fails half-way ends with Abort, so that the client sees it."""
    exchange = await (await trial.session()).answer("/fail-late")
    if exchange.abort is None or exchange.abort.code not in FAILED:
        raise Broken("4.13", f"{exchange}; expected Abort with HANDLER_ERROR")


@case("4.8")
async def late_events_are_ignored(trial: StreamTrial) -> None:
    """Events for an exchange that a worker has ended are ignored."""
    session = await trial.session()
    ended = (await session.answer()).id
    session.send(
        data=[pb.Data(id=ended, data=b"late")],
        finishes=[pb.Finish(id=ended)],
        cancels=[pb.Cancel(id=ended)],
        windows=[pb.Window(id=ended, max_offset=1 << 30)],
    )
    expect(await session.answer(), 200, b"Hello\n", "4.8")


@case("4.3", "4.8")
async def answer_before_the_body(trial: StreamTrial) -> None:
    """A worker may answer before the body is here; what comes of it later is ignored."""
    session = await trial.session()
    exchange = session.request("/early", "POST", body=b"part", end=False)
    await session.done(exchange)
    expect(exchange, 403, b"not wanted\n")
    session.send(data=[pb.Data(id=exchange.id, data=b"late")])
    session.send(finishes=[pb.Finish(id=exchange.id)])
    expect(await session.answer(), 200, b"Hello\n", "4.8")


@case("4.9", needs="early-hints")
async def early_hints(trial: StreamTrial) -> None:
    """A head with 103 comes before the final one."""
    exchange = await (await trial.session()).answer("/hints")
    expect(exchange, 200, b"hinted\n", "4.9")
    links = [pairs(hint.headers) for hint in exchange.hints if hint.status == 103]
    if links != [[(b"link", b"</style.css>; rel=preload")]]:
        raise Broken("4.9", f"the hints {links}; expected one 103 with a Link")


@case("4.10", needs="trailers")
async def trailers(trial: StreamTrial) -> None:
    """Trailer fields come with Finish."""
    exchange = await (await trial.session()).answer("/trailers")
    expect(exchange, 200, b"body\n", "4.10")
    seen = pairs(exchange.finish.trailers) if exchange.finish else []
    if seen != [(b"x-checksum", b"42")]:
        raise Broken("4.10", f"the trailers {seen}; expected x-checksum: 42")


@case("4.11")
async def continues(trial: StreamTrial) -> None:
    """A body that waits for 100 Continue is granted by a Window when it is read."""
    session = await trial.session()
    expects: dict[str, Any] = {
        "end": False,
        "expect_continue": True,
        "headers": (b"expect", b"100-continue"),
    }
    exchange = session.request("/echo", "POST", **expects)
    await session.until(lambda: exchange.granted > 0, "4.11", "a Window for a body that is read")
    await session.upload(exchange, b"body")
    await session.done(exchange)
    expect(exchange, 200, b"body", "4.11")


@case("4.11", advice=True)
async def does_not_continue(trial: StreamTrial) -> None:
    """A worker that answers without the body never sends a Window for it."""
    session = await trial.session()
    exchange = session.request("/early", "POST", end=False, expect_continue=True)
    await session.done(exchange)
    expect(exchange, 403, b"not wanted\n")
    if exchange.windows:
        raise Broken("4.11", f"the windows {exchange.windows} for a body that nobody wanted")
