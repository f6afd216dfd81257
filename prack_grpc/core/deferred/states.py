"""The life of a job: a request that is kept until a worker has answered it.

An event that the table does not list changes nothing.
"""

import enum


class State(enum.StrEnum):
    """How far a job has come."""

    WAITING = "waiting"  # for its first attempt, or the next one
    RUNNING = "running"  # it was taken: a worker may have it
    ANSWERED = "answered"
    DEAD = "dead"  # no attempt succeeded: it waits for an operator


class Event(enum.Enum):
    """What happens to a job."""

    TAKE = enum.auto()  # it is going to be attempted
    RECOVER = enum.auto()  # whoever took it has died
    PUT_BACK = enum.auto()  # no worker has started it
    RETRY = enum.auto()  # the attempt failed, another one may not
    ANSWER = enum.auto()
    GIVE_UP = enum.auto()
    AGAIN = enum.auto()  # an operator sends it again


JOB = {
    (State.WAITING, Event.TAKE): State.RUNNING,
    (State.RUNNING, Event.RECOVER): State.WAITING,
    (State.RUNNING, Event.PUT_BACK): State.WAITING,
    (State.RUNNING, Event.RETRY): State.WAITING,
    (State.RUNNING, Event.ANSWER): State.ANSWERED,
    (State.RUNNING, Event.GIVE_UP): State.DEAD,
    (State.DEAD, Event.AGAIN): State.WAITING,
}


def transition(event: Event) -> tuple[State, State]:
    """The state that this event needs, and the one that it leads to."""
    return next((before, after) for (before, of), after in JOB.items() if of is event)
