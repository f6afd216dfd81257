"""Whether an authority is asked for the certificate of the public port: `--acme`.

It takes the extra `acme`; nothing of its libraries is imported before somebody wants it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.settings.loading import SettingsError
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry.certified import Certified
from prack_grpc.tls.certificates import Certificates

if TYPE_CHECKING:
    from prack_grpc.acme.renewal import Renewal

MISSING = "the extra is not installed (No module named {}); run: pip install 'prack[acme]'"


class Certification:
    """Gets certificates, or does nothing if these settings do not say so.

    `settings` are those with the certificate that is to be shown. `answers` and `proofs` show to
    the authority that names are ours: see Redirect and Handshakes. No order begins while somebody
    else holds `ordering`.
    """

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError, BadCertificate."""
        self.settings = settings
        self.answers: dict[str, bytes] = {}
        self.proofs: dict[str, ssl.SSLContext] = {}
        self.ordering = asyncio.Lock()
        self._renewal: Renewal | None = None
        if settings.acme is not None:
            self._begin(settings)

    def _begin(self, settings: Settings) -> None:
        try:
            from prack_grpc.acme.authority import Authority, Proofs
            from prack_grpc.acme.renewal import Renewal
            from prack_grpc.acme.store import Store
        except ModuleNotFoundError as error:
            raise SettingsError([f"--acme: {MISSING.format(error.name)}"]) from None
        store = Store(settings)
        authority = Authority(settings, store.account, store.folder)
        proofs = Proofs(self.answers, self.proofs, by_http=settings.http_redirect is not None)
        self._renewal = Renewal(settings, store, authority, proofs, self.ordering)
        # Certificate and key are in one file, so that they change together.
        shown = {"tls_cert": (store.file,), "tls_key": (store.file,)}
        self.settings = settings.model_copy(update=shown)

    @property
    def reloads(self) -> Iterator[Callable[[], None]]:
        """What asks the authority now; nothing without one."""
        if self._renewal is not None:
            yield self._renewal.hurry

    def reasons(self) -> list[str]:
        """What is wrong with the certificate that is shown."""
        return self._renewal.reasons() if self._renewal else []

    def now(self, ports: Mapping[str, Certificates | None]) -> Certified:
        """How the certificates of these ports are."""
        ends = {port: shown.loaded.end for port, shown in ports.items() if shown}
        if self._renewal is None:
            return Certified(ends, None, [])
        return Certified(ends, self._renewal.failures, self._renewal.warnings())

    @asynccontextmanager
    async def kept(
        self, certificates: Certificates | None, predecessor: Predecessor | None
    ) -> AsyncIterator[None]:
        """Inside, `certificates` are renewed once the ports are no more those of a predecessor."""
        if self._renewal is None or certificates is None:
            yield
            return
        renewing = asyncio.create_task(
            _renew(self._renewal, certificates, predecessor), name="acme"
        )
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


async def _renew(
    renewal: "Renewal", certificates: Certificates, predecessor: Predecessor | None
) -> None:
    if predecessor is not None:
        await predecessor.gone.wait()
    await renewal.run(certificates)
