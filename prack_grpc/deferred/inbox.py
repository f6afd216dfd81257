"""What may be answered later, and what is kept of it: the clients' side of the store."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from hashlib import sha256

from prack_grpc.core import errors
from prack_grpc.core.deferred.prefer import Parameters
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Request
from prack_grpc.core.queue.by_route import ByRoute
from prack_grpc.core.queue.routes import Route
from prack_grpc.deferred import job as jobs
from prack_grpc.deferred.attempt import ATTEMPT
from prack_grpc.deferred.destinations import BadCallback, Destinations
from prack_grpc.deferred.job import Job
from prack_grpc.deferred.store import KeyReused, Store, StoreFailed, StoreFull

KEY = b"idempotency-key"
MAX_KEY = 255
# Who sends a request. The same key from somebody else is another one.
SENDER = (b"authorization", b"cookie")


class Inbox:
    """`came` is called when there is a new job. `routes` are always answered later."""

    def __init__(
        self,
        store: Store,
        routes: Iterable[Route],
        destinations: Destinations,
        came: Callable[[], None],
    ) -> None:
        self._store = store
        self._routes = ByRoute({route: str(route) for route in routes})
        self._destinations = destinations
        self._came = came

    def is_declared(self, request: Request) -> bool:
        """Whether it is answered later, whatever its client prefers."""
        return self._routes.get(request) is not None

    async def put(self, request: Request, body: bytes, parameters: Parameters) -> Job:
        """Keep a request: it is on the disk when this returns.

        The job is an earlier one if that has the same key. `parameters` are those of the client's
        preference. Raises GatewayError.
        """
        job = self._job(request, body, self._callback(parameters))
        try:
            id_ = await self._store.add(job)
        except StoreFull:
            raise GatewayError(errors.STORE_FULL) from None
        except StoreFailed as error:
            raise GatewayError(errors.STORE_FAILED, str(error)) from None
        except KeyReused:
            raise GatewayError(errors.KEY_REUSED, "send another request with another key") from None
        self._came()
        return replace(job, id=id_)

    async def find(self, id_: str, authority: bytes) -> Job:
        """The job of this name, as far as it was sent to this host. Raises GatewayError.

        Pages of one host must not be shown as those of another: browsers would trust them.
        """
        try:
            job = await self._store.find(id_)
        except StoreFailed as error:
            raise GatewayError(errors.STORE_FAILED, str(error)) from None
        if job is None or job.call or job.request.authority != authority:
            detail = "it never came, came for another host, or its answer is kept no more"
            raise GatewayError(errors.UNKNOWN_DEFERRED, detail)
        return job

    def _callback(self, parameters: Parameters) -> str:
        url = parameters.get(b"callback", b"").decode("latin-1")
        try:
            if url:
                self._destinations.target(url)
        except BadCallback as error:
            raise GatewayError(errors.BAD_REQUEST, f"Prefer: callback: {error}") from None
        return url

    def _job(self, request: Request, body: bytes, callback: str) -> Job:
        now = time.time()
        request.headers = [field for field in request.headers if field[0] != ATTEMPT]
        host = request.authority.decode("latin-1")
        line = self._routes.get(request) or jobs.line_of("prefer", host)
        key = _key(request)
        digest = sha256(body).digest() if key else b""
        return Job(
            jobs.new_id(), line, request, body, now, now, key=key, digest=digest, callback=callback
        )


def _key(request: Request) -> bytes:
    """By what another request is the same; empty if its client does not say. Raises GatewayError.

    The target, as keys are unique within a resource; and who sends it.
    """
    given = [value for name, value in request.headers if name == KEY]
    if not given:
        return b""
    if len(given) > 1 or not 0 < len(given[0]) <= MAX_KEY:
        detail = f"Idempotency-Key: expected one of 1 to {MAX_KEY} characters"
        raise GatewayError(errors.BAD_REQUEST, detail)
    sender = [value for name, value in request.headers if name in SENDER]
    parts = (request.method, request.authority, request.target, given[0], *sender)
    return sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).digest()
