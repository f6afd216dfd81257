"""What is written of a job under one key: all but the bodies of its request and its answer."""

import json
from dataclasses import dataclass, replace
from typing import Any

from prack_grpc.core.deferred.states import Event, State, transition
from prack_grpc.core.errors import PrackError
from prack_grpc.deferred.job import (
    Answer,
    Job,
    read_fields,
    read_head,
    written_fields,
    written_head,
)
from prack_grpc.deferred.store import Change


class BadRecord(PrackError):
    """What is there is no record that this version understands; the message says which."""


@dataclass(frozen=True, slots=True)
class Record:
    """A job without its bodies, of which the first has this `length`; `taker` is who tries it.

    `revision` is the number of what was read, by which nobody overwrites what he has not seen.
    """

    job: Job
    length: int
    taker: str = ""
    revision: int = 0

    def taken(self, taker: str) -> "Record":
        """Once it was taken."""
        _, after = transition(Event.TAKE)
        job = replace(self.job, state=after, attempts=self.job.attempts + 1)
        return replace(self, job=job, taker=taker)

    def recovered(self) -> "Record":
        """Once who tried it is dead."""
        _, after = transition(Event.RECOVER)
        return replace(self, job=replace(self.job, state=after), taker="")

    def settled(self, made: Change) -> "Record":
        """After an attempt."""
        _, after = transition(made.event)
        job = replace(self.job, state=after, attempts=made.attempts, due=made.due)
        job = replace(job, reason=made.reason, answer=made.answer)
        return replace(self, job=job, taker="")

    def again(self, now: float) -> "Record":
        """Once an operator has sent it again."""
        _, after = transition(Event.AGAIN)
        job = replace(self.job, state=after, attempts=0, due=now, created=now)
        return replace(self, job=job)


def written(record: Record) -> bytes:
    """A record as JSON."""
    job, answer = record.job, record.job.answer
    about = {
        "line": job.line,
        "state": job.state,
        "created": job.created,
        "due": job.due,
        "call": job.call,
        "key": job.key.hex(),
        "digest": job.digest.hex(),
        "callback": job.callback,
        "attempts": job.attempts,
        "reason": job.reason,
        "length": record.length,
        "taker": record.taker,
        "head": written_head(job.request).decode(),
        "answer": answer and [answer.status, written_fields(answer.headers).decode(), answer.whole],
    }
    return json.dumps(about).encode()


def read(id_: str, text: bytes, revision: int) -> Record:
    """What `written` has written. Raises BadRecord."""
    try:
        return _read(id_, json.loads(text), revision)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadRecord(f"job.{id_} is no job of this version of Prack: {error!r}") from None


def _read(id_: str, about: Any, revision: int) -> Record:
    answer = None
    if about["answer"]:
        status, fields, whole = about["answer"]
        answer = Answer(status, read_fields(fields.encode()), b"", whole)
    job = Job(
        id_,
        about["line"],
        read_head(about["head"].encode(), about["length"]),
        b"",
        about["created"],
        about["due"],
        about["call"],
        bytes.fromhex(about["key"]),
        bytes.fromhex(about["digest"]),
        about["callback"],
        State(about["state"]),
        about["attempts"],
        about["reason"],
        answer,
    )
    return Record(job, about["length"], about["taker"], revision)
