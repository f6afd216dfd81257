"""What a worker's side knows of one hand-out."""

from dataclasses import dataclass

from prack_grpc.core.http.message import Request


@dataclass(slots=True, weakref_slot=True, eq=False)
class Assignment:
    """One exchange as it was handed to one worker: a record that nobody changes.

    It is also the key to that hand-out: every verb of the worker's side takes it. `number` is
    unique within its membership and increases. `queued` is how many seconds the request has
    waited. `bodiless` says that there is no request body to take.
    """

    number: int
    request_id: str
    attempt: int
    worker: str
    request: Request
    queued: float
    bodiless: bool

    @property
    def identifier(self) -> str:
        """Names this hand-out and no other: the fence against late answers."""
        return f"{self.request_id}.{self.attempt}"
