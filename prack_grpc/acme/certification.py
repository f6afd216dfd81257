"""Whether an authority is asked for the certificate of the public port: `--acme`.

It takes the extra `acme`; nothing of its libraries is imported before somebody wants it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prack_grpc.acme.proofs import Contexts, Kept
from prack_grpc.handover.predecessor import Predecessor
from prack_grpc.settings.loading import SettingsError
from prack_grpc.settings.settings import Settings
from prack_grpc.telemetry.certified import Certified
from prack_grpc.tls.certificates import Certificates
from prack_wire import private

if TYPE_CHECKING:
    from prack_grpc.acme.renewal import Renewal

MISSING = "the extra is not installed (No module named {}); run: pip install 'prack[acme]'"


class Certification:
    """Gets certificates, or does nothing if these settings do not say so.

    `settings` are those with the certificate that is to be shown. `answers` and `proofs` show to
    the authority that names are ours: see Redirect and Handshakes. No order begins while somebody
    else holds `ordering`. Of several processes the first one orders, and all show what it has.
    """

    def __init__(self, settings: Settings, process: int = 0) -> None:
        """`process` is the number of this one. Raises SettingsError, BadCertificate."""
        self.settings = settings
        self.answers: MutableMapping[str, bytes] = {}
        self.proofs: Mapping[str, ssl.SSLContext] = {}
        self.ordering = asyncio.Lock()
        self._renewal: Renewal | None = None
        self._following: Path | None = None
        if settings.acme is not None:
            self._begin(settings, process)

    def _begin(self, settings: Settings, process: int) -> None:
        try:
            from prack_grpc.acme.authority import Authority, Proofs
            from prack_grpc.acme.renewal import Renewal
            from prack_grpc.acme.store import Store, certificate_file
        except ModuleNotFoundError as error:
            raise SettingsError([f"--acme: {MISSING.format(error.name)}"]) from None
        file = certificate_file(settings)
        store = Store(settings) if process <= 1 else None
        certificates: MutableMapping[str, bytes] = {}
        if process:
            self.answers = Kept(file.with_name("answers"))
            certificates = Kept(file.with_name("proofs"))
        self.proofs = Contexts(certificates, file.parent)
        if store is None:
            self._following = file
        else:
            proofs = Proofs(self.answers, certificates, settings.http_redirect is not None)
            authority = Authority(settings, store.account)
            self._renewal = Renewal(settings, store, authority, proofs, self.ordering)
        # Certificate and key are in one file, so that they change together.
        self.settings = settings.model_copy(update={"tls_cert": (file,), "tls_key": (file,)})

    @property
    def reloads(self) -> Iterator[Callable[[], None]]:
        """What asks the authority now; nothing without one."""
        if self._renewal is not None:
            yield self._renewal.hurry

    def reasons(self) -> list[str]:
        """What is wrong with the certificate that is shown."""
        if self._following is not None:
            return _reasons(self._following)
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


def _reasons(file: Path) -> list[str]:
    from prack_grpc.acme.signed import parsed
    from prack_grpc.acme.store import wrong

    try:
        return wrong(parsed(private.read(file)), "process 1 orders it")
    except (OSError, ValueError, private.Untrusted) as error:
        return [f"the certificate cannot be read (--acme): {error}"]


async def _renew(
    renewal: "Renewal", certificates: Certificates, predecessor: Predecessor | None
) -> None:
    if predecessor is not None:
        await predecessor.gone.wait()
    await renewal.run(certificates)
