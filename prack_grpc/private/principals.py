"""Who is known by a secret, kept up with the credentials file."""

import logging
import os
from pathlib import Path

from prack_grpc.core.worker import Principal
from prack_grpc.private.credentials import BadCredentials, Entry, read
from prack_wire import private

log = logging.getLogger(__name__)

Version = tuple[int, int, int]


class Principals:
    """The principals of a credentials file. `now` is in Unix seconds.

    House rules: a file that cannot be used changes nothing; who stays as he was stays the same
    principal, so that he keeps what he holds.
    """

    def __init__(self, path: Path, now: float) -> None:
        """Raises BadCredentials."""
        self._path = path
        self._version = self._seen = _version(path)
        self._warn()
        self._known: dict[bytes, tuple[Entry, Principal]] = {}
        self._take(read(path), now)

    def of(self, digest: bytes) -> Principal | None:
        """Whose secret has this digest."""
        known = self._known.get(digest)
        return known[1] if known else None

    def named(self, name: str) -> Principal | None:
        """Who has this name."""
        return next((who for entry, who in self._known.values() if entry.name == name), None)

    def look(self, now: float, whatever: bool = False) -> list[Principal]:
        """Read the file if it has changed, or `whatever`. Returns who is known no more.

        A file that was not so at the last look may still be written.
        """
        version, before = _version(self._path), self._seen
        self._seen = version
        if not whatever and (version == self._version or version != before):
            return self._take([entry for entry, _ in self._known.values()], now)
        self._version = version
        try:
            entries = read(self._path)
        except BadCredentials as error:
            extra = {"action": "credentials_rejected"}
            log.warning("kept the credentials as they were: %s", error, extra=extra)
            return self.look(now)
        self._warn()
        gone = self._take(entries, now)
        count = len(self._known)
        log.info("credentials reloaded", extra={"action": "credentials_reloaded", "tokens": count})
        return gone

    def _take(self, entries: list[Entry], now: float) -> list[Principal]:
        before = self._known
        self._known = {}
        for entry in entries:
            if entry.expires > now:
                known = before.get(entry.digest)
                stays = known is not None and known[0] == entry
                self._known[entry.digest] = known if known and stays else (entry, entry.principal())
        return [who for digest, (_, who) in before.items() if self.of(digest) is not who]

    def _warn(self) -> None:
        if private.is_open_to_others(self._path):
            log.warning(private.REMEDY, self._path, extra={"action": "token_exposed"})


def _version(path: Path) -> Version | None:
    """Another one, whenever the file was written or replaced; None if there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
