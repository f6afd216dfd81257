"""Orders the certificate when it is time, has it shown, and says what is going on."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from prack_grpc.acme import schedule
from prack_grpc.acme.authority import Authority, Proofs, Refused
from prack_grpc.acme.store import Store
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import Certificates

log = logging.getLogger(__name__)

# The clock of the wall is looked at that often: it can be set, and a machine can sleep.
LOOK_SECONDS = 600.0
T = TypeVar("T")


class Renewal:
    """The certificate of these settings, and its next order.

    `ordering` is held while an order is under way: whoever holds it delays the next. `failures` is
    how many orders of this process have failed.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        authority: Authority,
        proofs: Proofs,
        ordering: asyncio.Lock,
    ) -> None:
        self._names = settings.acme_domains
        self._directory = settings.acme_directory
        self._store = store
        self._authority = authority
        self._proofs = proofs
        self._ordering = ordering
        self._wake = asyncio.Event()
        self._suggested: float | None = None
        self._ask_at = self._try_at = 0.0
        self._failure = "it is being ordered"
        self.failures = 0

    def hurry(self) -> None:
        """Ask the authority now, and order now if it is time, however many orders have failed."""
        self._ask_at = self._try_at = 0.0
        self._wake.set()

    def reasons(self) -> list[str]:
        """What is wrong with the certificate that is shown."""
        shown = self._store.certificate
        if shown.temporary:
            return [f"no certificate yet (--acme): {self._failure}"]
        if shown.end < time.time():
            return [f"the certificate has expired (--acme): {self._failure}"]
        return []

    def warnings(self) -> list[str]:
        """What will be wrong with it if no order succeeds."""
        end, failures = self._store.certificate.end, self._store.orders.failures
        if not failures or self.reasons():
            return []
        return [f"the certificate ends at {_moment(end)}, not renewed (--acme): {self._failure}"]

    async def run(self, certificates: Certificates) -> None:
        """Renew for ever; new ones are shown by `certificates`."""
        while True:
            self._wake.clear()
            await self._ask()
            if (wait := self._next() - time.time()) <= 0:
                await self._order(certificates)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(min(wait, LOOK_SECONDS)):
                    await self._wake.wait()

    def _next(self) -> float:
        due = schedule.due(self._store.certificate, self._names, self._suggested)
        return max(due, self._try_at, schedule.earliest(self._store.orders, time.time()))

    async def _ask(self) -> None:
        """Learn when the authority would have this certificate renewed."""
        now = time.time()
        if self._store.certificate.temporary or now < self._ask_at:
            return
        self._ask_at = now + schedule.QUESTION
        # Without an answer there is still a third of the lifetime.
        with suppress(Refused, RuntimeError):
            asking = partial(self._authority.suggestion, self._store.text)
            self._suggested, again = await _apart(asking)
            self._ask_at = schedule.next_question(now, again)

    async def _order(self, certificates: Certificates) -> None:
        async with self._ordering:
            about = {"names": ", ".join(self._names), "directory": self._directory}
            log.info("ordering a certificate", extra={"action": "acme_ordering", **about})
            try:
                self._store.put_orders(self._store.orders.begun(time.time()))
                text = await _apart(partial(self._authority.order, self._names, self._proofs))
                self._store.put(text)
                self._store.put_orders(self._store.orders.done())
            except (Refused, OSError, RuntimeError, ValueError) as error:
                self._failed(error, about)
                return
            self._suggested, self._ask_at = None, time.time() + schedule.QUESTION
            certificates.reload()
            until = _moment(self._store.certificate.end)
            log.info("certificate issued", extra={"action": "acme_issued", **about, "until": until})

    def _failed(self, error: Exception, about: dict[str, str]) -> None:
        self.failures += 1
        now = time.time()
        seconds = error.seconds if isinstance(error, Refused) else 0.0
        orders = self._store.orders.failed(now + seconds)
        self._try_at = schedule.next_try(orders, now, random.random())  # noqa: S311 - no secret
        when = _moment(self._try_at)
        self._failure = f"{error}; next try at {when}"
        with suppress(OSError):
            self._store.put_orders(orders)
        log.warning(
            "no new certificate: %s",
            error,
            extra={"action": "acme_failed", **about, "reason": str(error), "next_try": when},
        )


async def _apart(work: Callable[[], T]) -> T:
    """Done in a thread that nobody waits for when the gateway stops.

    Raises RuntimeError if there can be no more threads.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def tell(act: Callable[[], None]) -> None:
        if not done.done():
            act()

    def run() -> None:
        try:
            act = partial(done.set_result, work())
        except Exception as error:
            act = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, act)

    threading.Thread(target=run, name="acme", daemon=True).start()
    return await done


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
