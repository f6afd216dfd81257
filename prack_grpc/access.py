"""Who may call the private ports, from the settings, kept up with the credentials file."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from prack_grpc.core.worker import Principal, Right
from prack_grpc.private.callers import ADMIN_PAGES, Callers
from prack_grpc.private.failures import Failures
from prack_grpc.private.principals import Principals
from prack_grpc.settings.settings import Settings

log = logging.getLogger(__name__)

# A change is seen at the second look: half of what a revoked credential may go on for.
LOOK_SECONDS = 0.25
OPERATOR = frozenset((Right.READ, Right.OPERATE))


class Access:
    """The callers of the worker ports, and those of the admin port."""

    def __init__(self, settings: Settings, certified: tuple[str, ...] = ()) -> None:
        """`certified` are the names of the private ports' certificates. Raises BadCredentials."""
        path = settings.credentials
        certifies = settings.client_ca is not None
        self._principals = Principals(path, time.time(), certifies) if path else None
        failures = Failures()
        self.workers = Callers(
            settings.token,
            settings.names(settings.api_host, certified),
            self._principals,
            failures=failures,
        )
        self.admin = Callers(
            settings.admin_token,
            settings.names(settings.admin_host, certified),
            self._principals,
            Principal("admin-token", OPERATOR),
            failures,
            ADMIN_PAGES,
        )
        self._expel: tuple[Callable[[Principal], None], ...] = ()
        self._renew: Callable[[Principal], None] = lambda _: None
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def kept(
        self, renew: Callable[[Principal], None], *expel: Callable[[Principal], None]
    ) -> Iterator[None]:
        """Look for changes while this is entered.

        All of `expel` are told who is known no more, `renew` who will soon be so.
        """
        self._renew, self._expel = renew, expel
        if self._principals is not None:
            self._look(self._principals)
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()
            if self._principals is not None:
                self._principals.close()

    async def ready(self) -> None:
        """Returns when callers can be recognized, inside `kept`; after seconds at the latest."""
        if self._principals is not None:
            await self._principals.ready()

    @property
    def reloads(self) -> Iterator[Callable[[], None]]:
        """What reads the credentials now, changed or not; nothing without them."""
        if self._principals is not None:
            yield partial(self._refresh, self._principals, True)

    def _look(self, principals: Principals) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LOOK_SECONDS, self._look, principals)
        self._refresh(principals, False)

    def _refresh(self, principals: Principals, whatever: bool) -> None:
        for principal in principals.look(time.time(), whatever):
            for expel in self._expel:
                expel(principal)
            log.info("revoked", extra={"action": "revoked", "principal": principal.name})
        for principal in principals.ending():
            self._renew(principal)
