"""What breaks the small workers of REST.

python -m tests.conformance.rest.broken STYLE.WAY URL    runs a worker that is broken in this way
"""

import os
import ssl
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote

from tests.conformance.rest import application
from tests.conformance.rest.worker import (
    STYLES,
    Api,
    Raw,
    Request,
    Response,
    Worker,
)
from tests.conformance.ways import Ways, after, blind, nothing, replace

WAYS = Ways()
breaks = WAYS.breaks


def exits(*_: Any) -> None:
    """The process is gone."""
    os._exit(1)


# -------------------------------------------------------------------- Pull


@breaks("empty-polls-are-repeated")
def gives_up_when_idle() -> None:
    """A poll that brings nothing is the last."""
    pull, idle = Worker.pull, threading.Event()

    def once(self: Worker, api: Api) -> list[Request]:
        found = [] if idle.is_set() else pull(self, api)
        if not found:
            idle.set()
            threading.Event().wait()
        return found

    replace(Worker, pull=once)


@breaks("request-reaches-the-application")
def decoded_targets() -> None:
    """The target is decoded."""
    request = Worker.request

    def decoded(self: Worker, entry: dict[str, Any]) -> Request:
        made = request(self, entry)
        made.target = unquote(made.target, "latin-1")
        return made

    replace(Worker, request=decoded)


@breaks("request-reaches-the-application")
def fields_in_utf8() -> None:
    """Bytes of fields are taken for UTF-8."""
    request = Worker.request

    def decoded(self: Worker, entry: dict[str, Any]) -> Request:
        made = request(self, entry)
        made.fields = [(n, v.decode("latin-1").encode()) for n, v in made.fields]
        return made

    replace(Worker, request=decoded)


@breaks("bodies-reach-the-application")
def bodies_are_text() -> None:
    """A body is text."""
    request = Worker.request

    def decoded(self: Worker, entry: dict[str, Any]) -> Request:
        made = request(self, entry)
        made.body = made.body.decode("utf-8", "ignore").encode()
        return made

    replace(Worker, request=decoded)


@breaks("unknown-members")
def knows_all() -> None:
    """A member that is not known is an error."""
    request = Worker.request

    def strict(self: Worker, entry: dict[str, Any]) -> Request:
        if any("new" in name for name in entry["environment"]):
            exits()
        return request(self, entry)

    replace(Worker, request=strict)


@breaks("several-at-a-time")
def one_by_one() -> None:
    """One request at a time, however many polls."""
    lock, busy, answer = threading.Lock(), threading.Event(), Worker.answer

    def locked(self: Worker, api: Api, request: Request) -> None:
        if not request.target.startswith("/slow"):
            busy.wait()  # that one of those before it has begun, whose thread may be late
        with lock:
            busy.set()
            answer(self, api, request)

    replace(Worker, answer=locked)


@breaks("extends-its-lease")
def silent() -> None:
    """A lease is not extended."""
    replace(Worker, extend=nothing)


@breaks("token")
def no_token() -> None:
    """The token is not sent."""
    replace(Api, authorization=staticmethod(dict))


@breaks("tls")
def own_trust() -> None:
    """Trusts others than it was told to."""
    replace(Api, trust=staticmethod(ssl.create_default_context))


@breaks("tls-of-strangers")
def trusts_all() -> None:
    """Trusts everybody."""
    replace(Api, trust=staticmethod(blind))


# -------------------------------------------------------------------- Push


def respond(**fields: Any) -> None:
    """Answer with other fields than the application's."""
    message = Worker.message

    def other(self: Worker, request: Request, response: Response) -> str:
        for name, make in fields.items():
            setattr(response, name, make(response))
        return message(self, request, response)

    replace(Worker, message=other)


@breaks("answers")
def all_is_well() -> None:
    """Each status is 200."""
    respond(status=lambda _: 200)


@breaks("answers-once")
def twice() -> None:
    """Each answer is sent twice."""
    after(Worker, "deliver", lambda _, api, path, content: api.call("POST", path, content))


@breaks("fields-of-the-answer")
def one_cookie() -> None:
    """Of fields with the same name the last one is sent."""
    respond(fields=lambda response: list(dict(response.fields).items()))


@breaks("large-answer")
def cut() -> None:
    """A megabyte at most."""
    respond(pieces=lambda response: [b"".join(response.pieces)[: 1 << 20]])


@breaks("answers-without-a-body")
def never_without() -> None:
    """What has no body is 200."""
    respond(status=lambda response: response.status if response.fields else 200)


@breaks("pushes-again", "idle-connections-end")
def pushes_once() -> None:
    """A push whose connection breaks was one."""

    def once(self: Worker, api: Api, path: str, content: Any) -> None:
        api.call("POST", path, content)

    replace(Worker, deliver=once)


@breaks("raw.pieces-pass-at-once")
def whole_answers() -> None:
    """An answer is sent when it is complete."""
    pieces = Raw.pieces

    def late(self: Raw, response: Response, sent: list[bytes]) -> Iterator[bytes]:
        yield b"".join(pieces(self, response, sent))

    replace(Raw, pieces=late)


@breaks("what-looks-like-a-batch")
def goes_by_the_type() -> None:
    """A content type makes a batch."""
    request = Worker.request

    def guessed(self: Worker, entry: dict[str, Any]) -> Request:
        made = request(self, entry)
        made.events = (b"content-type", b"application/websocket-events") in made.fields
        return made

    replace(Worker, request=guessed)


@breaks("failure-of-the-application")
def failure_is_success() -> None:
    """An empty answer in place of an error."""
    replace(Worker, fail=lambda self, api, request: self.push(api, request, Response(200, [], [])))


@breaks("failure-within-the-answer")
def half_an_answer() -> None:
    """What there is of a failed response is the response."""

    def some(pieces: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except RuntimeError:
            return

    respond(pieces=lambda response: some(response.pieces))


# -------------------------------------------------------------------- WebSockets


@breaks("batches", "batch-that-is-refused")
def no_batches() -> None:
    """All is refused with an empty 200."""
    replace(application, websocket=lambda *_: Response(200, [], []))


@breaks("batch-that-closes")
def no_code() -> None:
    """The code and the reason of a close are dropped."""
    replace(application, close_data=lambda *_: b"")


# -------------------------------------------------------------------- Errors, Stop


@breaks("refused-polls-are-repeated")
def offended() -> None:
    """A refusal is for good."""
    replace(Worker, pause=exits)


@breaks("retry-after")
def in_a_hurry() -> None:
    """`Retry-After` is nothing."""
    replace(Worker, pause=lambda *_: 0.01)


@breaks("late-answers-are-forgotten")
def insists() -> None:
    """An answer is sent until it is taken."""
    replace(Worker, settled=lambda _, status: status == 200)


@breaks("idle-stop")
def stays() -> None:
    """SIGTERM is overlooked."""
    replace(Worker, leave=lambda _: threading.Event().wait())


@breaks("idle-stop")
def leaves_as_another() -> None:
    """Leaves with a name that no poll had."""
    leave = Worker.leave

    def other(self: Worker) -> None:
        self.name += "-other"
        leave(self)

    replace(Worker, leave=other)


@breaks("stop-with-a-request", "request-at-the-last-moment")
def drops_what_it_holds() -> None:
    """Leaves without its answers."""
    after(Worker, "leave", lambda _: os._exit(0))


if __name__ == "__main__":
    style, _, way = sys.argv[1].rpartition(".")
    WAYS.known.get(way, nothing)()
    sys.exit(STYLES[style or "json"](sys.argv[2], application.serve).run())
