"""What a worker's side knows of one hand-out."""

from dataclasses import dataclass

from prack_grpc.core.http.message import Request
from prack_grpc.core.worker import Profile


@dataclass(slots=True, weakref_slot=True, eq=False)
class Assignment:
    """One exchange as it was handed to one worker: a record that nobody changes.

    It is also the key to that hand-out: every verb of the worker's side takes it. `number` is
    unique within its membership and increases. `queued` is how many seconds the request has
    waited. `bodiless` says that there is no request body to take. `identifier` names this hand-out
    and no other, for workers that answer without a stream; nobody else can guess it. `route` is the
    one that the request has come by, as text. It is `hosted` if its client is a peer's.
    """

    number: int
    request_id: str
    attempt: int
    profile: Profile
    request: Request
    queued: float
    bodiless: bool
    identifier: str
    route: str
    hosted: bool = False

    @property
    def worker(self) -> str:
        """The name of the worker."""
        return self.profile.worker
