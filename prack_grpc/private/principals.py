"""Who is known by what he shows, kept up with the credentials file."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prack_grpc.core.worker import Principal
from prack_grpc.private.credentials import BadCredentials, Entry, Proof, digest, read
from prack_grpc.private.jwt.issuers import Claims, Issuer
from prack_wire import private

if TYPE_CHECKING:
    from prack_grpc.private.jwt.tokens import Tokens

log = logging.getLogger(__name__)

Version = tuple[int, int, int]
MISSING = "issuer: the extra is not installed (No module named {}); run: pip install 'prack[jwt]'"


class Principals:
    """The principals of a credentials file. `now` is in Unix seconds.

    House rules: a file that cannot be used changes nothing; who stays as he was stays the same
    principal, so that he keeps what he holds.
    """

    def __init__(self, path: Path, now: float, certified: bool = False) -> None:
        """`certified` says whether callers show certificates. Raises BadCredentials."""
        self._path = path
        self._certified = certified
        self._version = self._seen = _version(path)
        self._warn()
        self._known: dict[Proof, tuple[Entry, Principal]] = {}
        self._tokens: Tokens | None = None
        self._take(self._read(), now)

    def bearer(self, token: bytes) -> Principal | None:
        """Whose secret this is, or whose token."""
        return self._of(digest(token)) or (self._tokens.who(token) if self._tokens else None)

    def holder(self, names: Iterable[str]) -> Principal | None:
        """Who has a certificate with these names; the first that is known counts."""
        return next((who for name in names if (who := self._of(name))), None)

    def named(self, name: str) -> Principal | None:
        """Who has this name."""
        known = (who for entry, who in self._known.values() if entry.name == name)
        return next(known, None) or (self._tokens.named(name) if self._tokens else None)

    def ending(self) -> list[Principal]:
        """Who will soon be known no more, as the last look has found; each once."""
        return self._tokens.ending() if self._tokens else []

    async def ready(self) -> None:
        """Returns when the keys of issuers have come; or have not, when it takes too long."""
        if self._tokens:
            await self._tokens.ready()

    def close(self) -> None:
        """Look no more."""
        if self._tokens:
            self._tokens.close()

    def look(self, now: float, whatever: bool = False) -> list[Principal]:
        """Read the file if it has changed, or `whatever`. Returns who is known no more.

        A file that was not so at the last look may still be written.
        """
        gone = self._changed(now, whatever)
        return gone + (self._tokens.look(now) if self._tokens else [])

    def _changed(self, now: float, whatever: bool) -> list[Principal]:
        version, before = _version(self._path), self._seen
        self._seen = version
        if not whatever and (version == self._version or version != before):
            return self._take([entry for entry, _ in self._known.values()], now)
        self._version = version
        try:
            entries = self._read()
        except BadCredentials as error:
            extra = {"action": "credentials_rejected"}
            log.warning("kept the credentials as they were: %s", error, extra=extra)
            return self._changed(now, False)
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
                known = before.get(entry.proof)
                stays = known is not None and known[0] == entry
                self._known[entry.proof] = known if known and stays else (entry, entry.principal())
        gone = [who for proof, (_, who) in before.items() if self._of(proof) is not who]
        if self._tokens:
            self._tokens.allow(entry for entry, _ in self._known.values() if _issuer(entry))
        return gone

    def _of(self, proof: Proof) -> Principal | None:
        known = self._known.get(proof)
        return known[1] if known else None

    def _read(self) -> list[Entry]:
        """The entries; their issuers are trusted from now on. Raises BadCredentials."""
        entries = read(self._path)
        try:
            self._prepare(entries)
        except BadCredentials as error:
            raise BadCredentials(f"{self._path}: {error}") from None
        return entries

    def _prepare(self, entries: list[Entry]) -> None:
        for entry in entries:
            if isinstance(entry.proof, str) and not self._certified:
                raise BadCredentials(f"token {entry.name}: certificate: needs --client-ca")
        issuers = [issuer for entry in entries if (issuer := _issuer(entry))]
        if issuers and not self._tokens:
            self._tokens = _tokens(self._path.parent)
        if self._tokens:
            self._tokens.trust(issuers)

    def _warn(self) -> None:
        if private.is_open_to_others(self._path):
            log.warning(private.REMEDY, self._path, extra={"action": "token_exposed"})


def _issuer(entry: Entry) -> Issuer | None:
    return entry.proof.issuer if isinstance(entry.proof, Claims) else None


def _tokens(folder: Path) -> "Tokens":
    try:
        from prack_grpc.private.jwt.tokens import Tokens
    except ModuleNotFoundError as error:
        raise BadCredentials(MISSING.format(error.name)) from None
    return Tokens(folder)


def _version(path: Path) -> Version | None:
    """Another one, whenever the file was written or replaced; None if there is none."""
    try:
        about = os.stat(path)
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size
