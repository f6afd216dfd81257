"""The certificates of a port, as files that may change while it is open."""

import logging
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from prack_grpc.settings.loading import flag
from prack_grpc.settings.settings import Settings
from prack_grpc.tls.context import GRPC, HTTP, Shown, demand, shown
from prack_wire import private

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


class BadCertificate(Exception):
    """A file cannot be used; the message names its flag, the file, and what was expected."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the files held: contexts, `http2` that of gRPC, and the names of all certificates.

    `end` is when the first certificate ends, in Unix time.
    """

    context: ssl.SSLContext
    http2: ssl.SSLContext
    names: tuple[str, ...]
    end: float


class Certificates:
    """The certificates of these settings: `tls` for the public port, `api_tls` for the others.

    The first is shown to whoever asks for none of their names by SNI (RFC 6066 section 3).
    `loaded` is replaced when the files change; a connection keeps what it began with.
    """

    def __init__(self, settings: Settings, name: str) -> None:
        """Raises BadCertificate."""
        self._name = name
        certs, keys = getattr(settings, f"{name}_cert"), getattr(settings, f"{name}_key")
        self._pairs: list[tuple[Path, Path]] = list(zip(certs, keys, strict=True))
        self._client_ca = settings.client_ca if name == "api_tls" else None
        for key in keys:
            if private.is_open_to_others(key):
                log.warning(private.KEY_REMEDY, key, extra={"action": "key_exposed"})
        self._tried = self._seen = self._stamps()
        self.loaded = self._load()

    def reload(self) -> None:
        """Show what the files hold now; or go on with what they held, and say why."""
        self._tried = self._seen = self._stamps()
        try:
            self.loaded = self._load()
        except BadCertificate as error:
            log.warning(
                "the certificates stay as they were: %s",
                error,
                extra={"action": "tls_not_reloaded"},
            )

    def look(self) -> None:
        """Reload if the files have changed, once they are no longer being written."""
        now = self._stamps()
        if now == self._seen and now != self._tried:
            self.reload()
        self._seen = now

    def _load(self) -> Loaded:
        all_ = self._all(HTTP)
        names = tuple(name for one in all_ for name in one.names)
        end = min(one.end for one in all_)
        loaded = Loaded(_choosing(all_), _choosing(self._all(GRPC)), names, end)
        for (cert, _), one in zip(self._pairs, all_, strict=True):
            about = {"certificate": str(cert), "names": ", ".join(one.names), "until": one.until}
            log.info("certificate loaded", extra={"action": "tls_loaded", **about})
        return loaded

    def _all(self, protocols: Sequence[str]) -> list[Shown]:
        return [self._shown(cert, key, protocols) for cert, key in self._pairs]

    def _shown(self, cert: Path, key: Path, protocols: Sequence[str]) -> Shown:
        try:
            one = shown(cert, key, protocols)
            has_expired = one.end < time.time()
        except (OSError, ValueError) as error:
            raise BadCertificate(self._wrong(cert, key, error)) from None
        if has_expired:
            raise BadCertificate(
                f"{flag(self._name)}-cert: {cert} expired on {one.until}: clients would refuse it; "
                "renew it"
            )
        try:
            if self._client_ca is not None:
                demand(one.context, self._client_ca)
        except OSError as error:
            raise BadCertificate(
                f"--client-ca: {self._client_ca} cannot be used: {_reason(error)}; expected "
                "authorities in PEM"
            ) from None
        return one

    def _wrong(self, cert: Path, key: Path, error: Exception) -> str:
        """The sentence for a pair that cannot be used: which file, and what was expected of it."""
        name = flag(self._name)
        for option, path in ((f"{name}-cert", cert), (f"{name}-key", key)):
            if reason := _unreadable(path):
                return f"{option}: {path} cannot be read: {reason}"
        return (
            f"{name}-cert: {cert} cannot be used with the key {key}: {_reason(error)}; expected "
            "PEM: the certificate, then those that signed it, and its key without a password"
        )

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(map(_stamp, self._files()))

    def _files(self) -> Iterator[Path]:
        for pair in self._pairs:
            yield from pair
        if self._client_ca is not None:
            yield self._client_ca


def names_of(certificates: Certificates | None) -> tuple[str, ...]:
    """The names by which a port that shows them may be called."""
    return certificates.loaded.names if certificates else ()


def _choosing(all_: list[Shown]) -> ssl.SSLContext:
    """The first one's context, which has the others chosen by name."""
    default = all_[0].context

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        asked = (name or "").lower()
        found = next((one for one in all_ if one.is_for(asked)), None)
        if found is not None:
            connection.context = found.context

    if len(all_) > 1:
        default.sni_callback = choose
    return default


def _stamp(path: Path) -> Stamp | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_mtime_ns, now.st_ino, now.st_size


def _reason(error: Exception) -> str:
    """What OpenSSL says, or the system."""
    said = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(said or error)


def _unreadable(path: Path) -> str | None:
    try:
        with path.open("rb"):
            return None
    except OSError as error:
        return error.strerror
