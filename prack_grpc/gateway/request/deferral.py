"""Requests that are answered later, as their clients see them (RFC 7240 section 4.1)."""

import json
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from prack_grpc.core import errors
from prack_grpc.core.deferred.prefer import RESPOND_ASYNC, respond_async
from prack_grpc.core.deferred.states import State
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers, Request
from prack_grpc.deferred.inbox import Inbox
from prack_grpc.deferred.job import MAX_BODY, Answer, Job
from prack_grpc.deferred.location import id_at, path_of

# The whole body of a request of at most so many bytes. Raises GatewayError and ClientGone.
Read = Callable[[int], Awaitable[bytes]]
# How often a client may well ask, in seconds.
ASK_AGAIN = b"1"
STATE = b"prack-deferred"
TOO_LARGE = f"a request that is answered later may have a body of at most {MAX_BODY // 1024} KiB"


class Whole(NamedTuple):
    """A response in one piece."""

    status: int
    headers: Headers
    body: bytes


class Deferral:
    """Takes what is to be answered later, and tells what has become of it."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def concerns(self, request: Request) -> bool:
        """Whether this is for `reply`, not for the queue."""
        return (
            id_at(request.path) is not None
            or respond_async(request.headers) is not None
            or self._inbox.is_declared(request)
        )

    async def reply(self, request: Request, read: Read) -> Whole:
        """Keep it, or look it up. Raises GatewayError, and what `read` raises."""
        if (id_ := id_at(request.path)) is not None:
            if request.method not in (b"GET", b"HEAD"):
                raise GatewayError(errors.UNKNOWN_DEFERRED, "expected GET or HEAD at this path")
            return _told(await self._inbox.find(id_, request.authority))
        if request.body_length > MAX_BODY:
            raise GatewayError(errors.BODY_TOO_LARGE, TOO_LARGE)
        body = await read(MAX_BODY)
        preferred = respond_async(request.headers)
        job = await self._inbox.put(request, body, preferred or {})
        accepted = _state(job)
        if preferred is not None:
            accepted.headers.append((b"preference-applied", RESPOND_ASYNC))
        return accepted


def _told(job: Job) -> Whole:
    if job.answer is None or job.state is not State.ANSWERED:
        if job.state is State.DEAD:
            detail = f"all of {job.attempts} attempts failed, the last one so: {job.reason}"
            raise GatewayError(errors.DEFERRED_FAILED, detail)
        return _state(job)
    if not job.answer.whole:
        detail = f"{job.reason}, with a body of more than {MAX_BODY // 1024} KiB, which is not kept"
        raise GatewayError(errors.DEFERRED_FAILED, detail)
    return _replayed(job.answer)


def _state(job: Job) -> Whole:
    """202: it is not over."""
    location = path_of(job.id)
    failed = job.attempts - (job.state is State.RUNNING)  # the one that runs counts already
    about = {"state": State.WAITING, "location": location, "attempts": failed}
    body = json.dumps(about | ({"reason": job.reason} if job.reason else {})).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"location", location.encode()),
        (b"retry-after", ASK_AGAIN),
        (STATE, State.WAITING.encode()),
    ]
    return Whole(202, headers, body)


def _replayed(answer: Answer) -> Whole:
    """What the worker has answered; its status may be 202 as well, so a field says which it is."""
    headers = [field for field in answer.headers if field[0] not in (b"content-length", STATE)]
    if b"cache-control" not in dict(headers):
        headers.append((b"cache-control", b"no-store"))
    if answer.status not in (204, 304):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    headers.append((STATE, State.ANSWERED.encode()))
    return Whole(answer.status, headers, answer.body)
