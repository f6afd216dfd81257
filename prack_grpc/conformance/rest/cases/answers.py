"""Push, in all its ways."""

from prack_grpc.conformance.app import BIG
from prack_grpc.conformance.case import Broken, Skipped
from prack_grpc.conformance.expected import kept
from prack_grpc.conformance.rest.cases.catalogue import case
from prack_grpc.conformance.rest.connection import BREAK
from prack_grpc.conformance.rest.trial import RestTrial, expect

EVENTS = b"TEXT 5\r\nhello\r\n"
LOOKS_LIKE_EVENTS = [
    (b"content-type", b"application/websocket-events"),
    (b"accept", b"application/websocket-events"),
]


@case("Push")
async def answers(trial: RestTrial) -> None:
    """A worker answers with what the application says."""
    expect(await trial.answer("/hello"), 200, b"Hello\n")
    expect(await trial.answer("/status/404"), 404, b"")
    expect(await trial.answer("/no-such-route"), 404, b"no such route\n")


@case("Push")
async def answers_once(trial: RestTrial) -> None:
    """An answer that was taken is not sent again."""
    hand_outs = [await trial.answer() for _ in range(3)]
    if any(one.pushes != 1 for one in hand_outs):
        raise Broken("Push", f"{[one.pushes for one in hand_outs]} pushes of three answers")


@case("Push")
async def fields_of_the_answer(trial: RestTrial) -> None:
    """Repeats, empty values and obs-text of the response's fields are kept."""
    hand_out = await trial.answer("/headers")
    kept(hand_out.answer_fields, "Push")


@case("Push")
async def large_answer(trial: RestTrial) -> None:
    """A body of two million bytes comes whole."""
    expect(await trial.answer("/big"), 200, bytes(BIG))


@case("Push")
async def answers_without_a_body(trial: RestTrial) -> None:
    """HEAD, 204 and 304 are answered as all else; the gateway drops a body."""
    for target, method, status in (
        ("/hello", "HEAD", 200),
        ("/status/204", "GET", 204),
        ("/status/304", "GET", 304),
    ):
        hand_out = await trial.answer(target, method)
        if hand_out.error or hand_out.status != status:
            raise Broken("Push", f"{hand_out}; expected {status}")


@case("Push", alone=True)
async def pushes_again(trial: RestTrial) -> None:
    """An answer whose connection breaks is sent again; that it had come the first time is fine."""
    trial.gateway.refusals["push"] = [BREAK]
    hand_out = await trial.answer()
    await trial.gateway.until(
        lambda: hand_out.pushes > 1, "Push", "the answer again, whose connection was broken"
    )
    expect(await trial.answer(), 200, b"Hello\n")


@case("Without JSON")
async def pieces_pass_at_once(trial: RestTrial) -> None:
    """An answer without JSON is sent as the application makes it."""
    hand_out = await trial.offer("/stream")
    await trial.gateway.until(
        lambda: bool(hand_out.answer) or hand_out.done, "Without JSON", "a piece of /stream"
    )
    if hand_out.how == "json":
        raise Skipped("this worker answers in JSON, which has no pieces")
    if bytes(hand_out.answer) != b"one\n":
        raise Broken("Without JSON", f"{bytes(hand_out.answer)!r} at a time; expected b'one\\n'")
    await trial.done(hand_out, rule="Without JSON")
    expect(hand_out, 200, b"one\ntwo\nthree\n", "Without JSON")


@case("WebSockets")
async def what_looks_like_a_batch(trial: RestTrial) -> None:
    """A request that only looks like a batch of events is an ordinary one."""
    hand_out = await trial.answer("/echo", "POST", fields=LOOKS_LIKE_EVENTS, body=EVENTS)
    expect(hand_out, 200, EVENTS, "WebSockets")


@case("Not answering")
async def failure_of_the_application(trial: RestTrial) -> None:
    """An error of the application is an answer with 500, or ends with `error`."""
    hand_out = await trial.answer("/fail")
    if hand_out.error != "handler_error" and hand_out.status != 500:
        raise Broken("Not answering", f"{hand_out}; expected 500 or handler_error")


@case("Not answering")
async def failure_within_the_answer(trial: RestTrial) -> None:
    """A response that fails half-way is not answered as if it were complete."""
    hand_out = await trial.answer("/fail-late")
    if hand_out.complete and hand_out.status != 500:
        raise Broken("Not answering", f"{hand_out}; expected 500, handler_error or a broken upload")
