"""The endpoints for dead letters: requests that were kept, and of which no attempt succeeded.

Their docstrings are the descriptions at /docs.
"""

import base64
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from prack_grpc.core.deferred.states import State
from prack_grpc.deferred.job import Job, texts
from prack_grpc.deferred.store import Store, StoreFailed
from prack_grpc.private import bodies
from prack_grpc.private.app import address, caller
from prack_grpc.private.errors import NOT_FOUND, STORE_FAILED, ApiError
from prack_grpc.private.operators.operating import shown

log = logging.getLogger(__name__)

MOST = 1000
MISSING = "there is no dead letter of this name"


class DeadEndpoints:
    """Each takes the framework's request, and raises ApiError or Gone."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def dead(self, request: Request) -> Response:
        """The dead letters, the newest first, 1000 at most, and how many requests are kept."""
        await bodies.read(request.receive)
        with _store_errors():
            counts = await self._store.count()
            rows = [_row(job) for job in await self._store.dead(MOST)]
        return shown({"waiting": counts.waiting, "dead": counts.dead, "letters": rows})

    async def letter(self, request: Request) -> Response:
        """One dead letter, with its request and the last answer; bodies are base64."""
        await bodies.read(request.receive)
        id_ = request.path_params["letter"]
        with _store_errors():
            job, body = await self._store.find(id_), await self._store.body(id_)
        if job is None or job.state is not State.DEAD:
            raise ApiError(NOT_FOUND, MISSING)
        return shown(_row(job) | _whole(job, body))

    async def again(self, request: Request) -> Response:
        """Tries a dead letter again, as if it had just come."""
        await bodies.read(request.receive)
        id_ = request.path_params["letter"]
        with _store_errors():
            done = await self._store.again(id_, time.time())
        _note(done, {"action": "dead_letter_sent_again"}, request)
        return shown({"id": id_})

    async def drop(self, request: Request) -> Response:
        """Forgets a dead letter."""
        await bodies.read(request.receive)
        id_ = request.path_params["letter"]
        with _store_errors():
            done = await self._store.drop(id_)
        _note(done, {"action": "dead_letter_dropped"}, request)
        return shown({"id": id_})


@contextmanager
def _store_errors() -> Iterator[None]:
    try:
        yield
    except StoreFailed as error:
        raise ApiError(STORE_FAILED, str(error)) from None


def _note(done: bool, action: dict[str, str], request: Request) -> None:
    """Who did what to the requests of others belongs into the log."""
    if not done:
        raise ApiError(NOT_FOUND, MISSING)
    about = {"operator": address(request.scope) or None, "principal": caller(request).name}
    about |= {"letter": request.path_params["letter"]}
    log.info("%s by an operator", action["action"].replace("_", " "), extra={**action, **about})


def _row(job: Job) -> dict[str, Any]:
    request = job.request
    return {
        "id": job.id,
        "state": job.state,
        "method": request.method.decode("latin-1"),
        "url": job.url,
        "created": job.created,
        "ended": job.due,
        "attempts": job.attempts,
        "reason": job.reason,
        "request_id": request.x_request_id,
    }


def _whole(job: Job, body: bytes) -> dict[str, Any]:
    answer = job.answer
    return {
        "headers": texts(job.request.headers),
        "body": base64.b64encode(body).decode(),
        "answer": None
        if answer is None
        else {
            "status": answer.status,
            "headers": texts(answer.headers),
            "body": base64.b64encode(answer.body).decode(),
        },
    }
