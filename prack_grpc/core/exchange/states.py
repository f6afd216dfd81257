"""The life of an exchange as data: the states of its two halves, and what moves them on.

House rules: every state and transition is in this file; an event that a table does not list is
refused and changes nothing; the two halves know each other only through `COUPLING`, so that one
day they can live on two machines.
"""

import enum


class Caller(enum.IntEnum):
    """States of the caller half."""

    WAITING = 0  # nothing has been sent to the client
    ANSWERING = 1  # the head is on its way to the client
    DONE = 2  # see Outcome


class Call(enum.IntEnum):
    """Events of the caller half."""

    HEAD = 0  # a response head has come
    COMPLETE = 1  # the last byte was handed to the client's connection
    FAIL = 2  # the gateway answers in the worker's place, or cuts the response
    LEAVE = 3  # the client has gone


class Work(enum.IntEnum):
    """States of the worker half."""

    LEASED = 0  # in a worker's hands
    ANSWERING = 1  # the worker has sent the head
    CANCELLED = 2  # the gateway wants nothing more, the worker has not yet let go
    CLOSED = 3  # the slot is free again


class WorkEvent(enum.IntEnum):
    """Events of the worker half."""

    HEAD = 0
    DATA = 1
    FINISH = 2  # the normal end of the response
    ABORT = 3  # an end without a complete response
    CANCEL = 4  # by the gateway
    LOSE = 5  # the worker is gone
    RETURN = 6  # given back, and provably not started


# To look a member of an enumeration up costs 0.1 us (CPython 3.11); these are asked for often.
DONE = Caller.DONE
LEASED, ANSWERING, CANCELLED, CLOSED = Work.LEASED, Work.ANSWERING, Work.CANCELLED, Work.CLOSED
CALLER_HEAD, CALLER_COMPLETE = Call.HEAD, Call.COMPLETE
WORK_HEAD, WORK_FINISH = WorkEvent.HEAD, WorkEvent.FINISH

CALLER: dict[Caller, dict[Call, Caller]] = {
    Caller.WAITING: {
        Call.HEAD: Caller.ANSWERING,
        Call.FAIL: Caller.DONE,
        Call.LEAVE: Caller.DONE,
    },
    Caller.ANSWERING: {
        Call.COMPLETE: Caller.DONE,
        Call.FAIL: Caller.DONE,
        Call.LEAVE: Caller.DONE,
    },
    Caller.DONE: {},
}

WORKER: dict[Work, dict[WorkEvent, Work]] = {
    Work.LEASED: {
        WorkEvent.HEAD: Work.ANSWERING,
        WorkEvent.ABORT: Work.CLOSED,
        WorkEvent.CANCEL: Work.CANCELLED,
        WorkEvent.LOSE: Work.CLOSED,
        WorkEvent.RETURN: Work.CLOSED,
    },
    Work.ANSWERING: {
        WorkEvent.DATA: Work.ANSWERING,
        WorkEvent.FINISH: Work.CLOSED,
        WorkEvent.ABORT: Work.CLOSED,
        WorkEvent.CANCEL: Work.CANCELLED,
        WorkEvent.LOSE: Work.CLOSED,
    },
    Work.CANCELLED: {
        WorkEvent.HEAD: Work.CANCELLED,
        WorkEvent.DATA: Work.CANCELLED,
        WorkEvent.FINISH: Work.CLOSED,
        WorkEvent.ABORT: Work.CLOSED,
        WorkEvent.LOSE: Work.CLOSED,
    },
    Work.CLOSED: {},
}

# What the end of the caller half means for a worker half that is in one of these states.
COUPLING: dict[Work, WorkEvent] = {Work.LEASED: WorkEvent.CANCEL, Work.ANSWERING: WorkEvent.CANCEL}


class Outcome(enum.StrEnum):
    """How an exchange ended."""

    WORKER = "worker"  # the client has the worker's response
    GATEWAY_ERROR = "gateway_error"  # the client has the gateway's answer, or a cut response
    CLIENT_GONE = "client_gone"


BY_WORKER = Outcome.WORKER
