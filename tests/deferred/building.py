"""What the tests of deferred requests are built from."""

from dataclasses import replace
from typing import Any

from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.job import Answer, Job, new_id
from prack_grpc.deferred.store import Change
from tests.core.building import a_request

MIB = 1024 * 1024


def a_job(line: str = "a", due: float = 100.0, body: bytes = b"body", **about: Any) -> Job:
    """A job as the inbox makes it."""
    request = a_request(b"POST", b"/hook?a=1", headers=[(b"x-name", b"\xe4"), (b"x-name", b"b")])
    job = Job(new_id(), line, request, body, due, due)
    return replace(job, **about)


def a_change(event: Event, attempts: int = 1, due: float = 100.0, **about: Any) -> Change:
    """How an attempt ended."""
    answer = Answer(200, [(b"x", b"y")], b"done") if event is Event.ANSWER else None
    return replace(Change(event, attempts, due, "why", answer), **about)
