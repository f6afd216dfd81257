"""A gateway's task that renews, with an authority that says what the test wants."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from prack_grpc.acme.authority import Authority, Proofs, Refused
from prack_grpc.acme.renewal import Renewal
from prack_grpc.acme.schedule import HOURLY
from prack_grpc.acme.store import Store
from prack_grpc.settings.loading import load
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.certificates import Certificates
from tests.support.certificates import Authority as Signer

NAME = "shop.example"


class Scripted(Authority):
    """Signs, unless it has a reason not to; may suggest when to renew."""

    def __init__(self, settings: Settings, store: Store, signer: Signer) -> None:
        super().__init__(settings, store.account, store.folder)
        self._signer = signer
        self.reason: Refused | None = None
        self.suggested: float | None = None

    def order(self, names: Sequence[str], proofs: Proofs) -> str:
        """See Authority."""
        if self.reason:
            raise self.reason
        issued = self._signer.issue(*(f"DNS:{name}" for name in names))
        return issued.key.read_text() + issued.cert.read_text()

    def suggestion(self, certificate: str) -> tuple[float | None, float]:
        """See Authority."""
        return self.suggested, 0.0


class Renewing(logging.Handler):
    """A renewal with all that it needs, and the actions that it has logged."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.INFO)
        flags = {"acme": "anna@shop.example", "acme_domains": NAME, "acme_store": str(folder)}
        self.settings = load(flags, {})
        self.store = Store(self.settings)
        files = {"tls_cert": (self.store.file,), "tls_key": (self.store.file,)}
        self.certificates = Certificates(self.settings.model_copy(update=files), "tls")
        self.authority = Scripted(self.settings, self.store, Signer(folder))
        self.ordering = asyncio.Lock()
        proofs = Proofs({}, {}, by_http=True)
        args = self.settings, self.store, self.authority, proofs, self.ordering
        self.renewal = Renewal(*args)
        self.actions: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.actions.append(vars(record)["action"])
        self._more.set()

    async def until(self, action: str, times: int = 1) -> None:
        """Wait until this was logged so often."""
        async with asyncio.timeout(10):
            while self.actions.count(action) < times:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
async def renewing(tmp_path: Path) -> AsyncIterator[Renewing]:
    """One whose task has not begun."""
    renewing, logger = Renewing(tmp_path), logging.getLogger("prack_grpc.acme")
    logger.addHandler(renewing)
    logger.setLevel(logging.INFO)
    yield renewing
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(renewing)


@pytest.fixture
async def begin(renewing: Renewing) -> AsyncIterator[Callable[[], None]]:
    """Begins it."""
    tasks: list[asyncio.Task[None]] = []
    yield lambda: tasks.append(asyncio.create_task(renewing.renewal.run(renewing.certificates)))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_new_certificate_is_shown_and_kept(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    before = renewing.certificates.loaded
    assert renewing.renewal.reasons() == ["no certificate yet (--acme): it is being ordered"]
    begin()
    await renewing.until("acme_issued")
    assert renewing.renewal.reasons() == []
    assert renewing.certificates.loaded is not before
    assert Store(renewing.settings).certificate.temporary is False


async def test_a_failure_is_told_kept_and_forgotten_when_it_works(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    renewing.authority.reason = Refused("shop.example: you are not (dns)", 0.0)
    begin()
    await renewing.until("acme_failed")
    (why,) = renewing.renewal.reasons()
    assert "shop.example: you are not (dns); next try at 2" in why
    assert Store(renewing.settings).orders.failures == 1
    renewing.authority.reason = None
    renewing.renewal.hurry()
    await renewing.until("acme_issued")
    assert Store(renewing.settings).orders.failures == 0


async def test_a_renewal_that_fails_is_a_warning_while_the_certificate_holds(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    begin()
    await renewing.until("acme_issued")
    assert renewing.renewal.warnings() == []
    renewing.authority.suggested = 1.0
    renewing.authority.reason = Refused("shop.example: you are not (dns)", 0.0)
    renewing.renewal.hurry()
    await renewing.until("acme_failed")
    (warning,) = renewing.renewal.warnings()
    assert warning.startswith("the certificate ends at 2")
    assert "not renewed (--acme): shop.example: you are not (dns); next try at 2" in warning
    assert (renewing.renewal.reasons(), renewing.renewal.failures) == ([], 1)
    renewing.authority.reason = None
    renewing.renewal.hurry()
    await renewing.until("acme_issued", 2)
    assert (renewing.renewal.warnings(), renewing.renewal.failures) == ([], 1)


async def test_an_authority_that_wants_to_be_left_alone_is_for_all_the_hurry(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    renewing.authority.reason = Refused("too many", 3600.0)
    begin()
    await renewing.until("acme_failed")
    renewing.authority.reason = None
    renewing.renewal.hurry()
    for _ in range(20):
        await asyncio.sleep(0)
    assert renewing.actions.count("acme_ordering") == 1


async def test_what_is_suggested_is_asked_for_and_done(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    begin()
    await renewing.until("acme_issued")
    renewing.authority.suggested = 1.0
    renewing.renewal.hurry()
    await renewing.until("acme_issued", 2)
    assert len(renewing.store.orders.times) == 2 < HOURLY


async def test_who_holds_the_lock_delays_the_next_order(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    async with renewing.ordering:
        begin()
        for _ in range(20):
            await asyncio.sleep(0)
        assert renewing.actions.count("acme_ordering") == 0
    await renewing.until("acme_issued")


async def test_a_store_that_cannot_be_written_is_a_failure(
    renewing: Renewing, begin: Callable[[], None]
) -> None:
    renewing.store.file.unlink()
    renewing.store.file.mkdir()
    begin()
    await renewing.until("acme_failed")
    assert "directory" in renewing.renewal.reasons()[0]


async def test_no_more_threads_are_a_failure(
    renewing: Renewing, begin: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    begin()
    await renewing.until("acme_failed")
    assert "can't start new thread; next try at 2" in renewing.renewal.reasons()[0]
