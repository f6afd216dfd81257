"""Where the keys of an issuer come from: a file, or a URL that is asked in the background."""

import asyncio
import contextlib
import ssl
from pathlib import Path
from urllib.parse import SplitResult

import h11

from prack_grpc.private.jwt.issuers import Issuer
from prack_grpc.private.jwt.keys import MAX_JWKS, BadKeys, Keys

EVERY = 300.0  # seconds between two fetches
AGAIN = 5.0  # seconds, at least: also when tokens have keys that nobody knows
MOST_DOUBLINGS = 6
LONGEST = 10.0  # seconds for a fetch, whatever the server does
PIECE = 64 * 1024


def keys(issuer: Issuer, folder: Path) -> Keys:
    """The keys of this issuer; its paths are below `folder`. Raises BadKeys."""
    url = issuer.url
    if url is None:
        return FileKeys(issuer, folder / issuer.jwks)
    try:
        context = ssl.create_default_context(cafile=folder / issuer.ca if issuer.ca else None)
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise BadKeys(f"ca: {issuer.ca}: {reason}; expected authorities in PEM") from None
    return RemoteKeys(issuer, url, context)


class FileKeys(Keys):
    """Keys of a file, which may change."""

    def __init__(self, issuer: Issuer, path: Path) -> None:
        """Raises BadKeys."""
        super().__init__(issuer)
        self._path = path
        try:
            self._taken = self._seen = self._content()
            self.take(self._taken)
        except OSError as error:
            raise BadKeys(f"jwks: {path}: cannot read it: {error.strerror}") from None
        except BadKeys as error:
            raise BadKeys(f"jwks: {path}: {error}") from None

    def look(self) -> None:
        """See Keys. What was not so at the last look may still be written."""
        try:
            content, before = self._content(), self._seen
            self._seen = content
            if content == before != self._taken:
                self._taken = content
                self.take(content)
        except (OSError, BadKeys) as error:
            self.complain(error)

    def _content(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_JWKS + 1)


class RemoteKeys(Keys):
    """Keys of a server, which are fetched now and then, and when one is missed.

    House rules: one fetch at a time; a server that fails is asked ever more rarely.
    """

    def __init__(self, issuer: Issuer, url: SplitResult, context: ssl.SSLContext) -> None:
        super().__init__(issuer)
        self._from = url, context
        self._missed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    def look(self) -> None:
        """See Keys. Begins with it."""
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name="jwks")

    def miss(self) -> None:
        """See Keys."""
        self._missed.set()

    async def ready(self) -> None:
        """See Keys."""
        await self._tried.wait()

    def close(self) -> None:
        """See Keys."""
        if self._task is not None:
            self._task.cancel()

    async def _keep(self) -> None:
        failures = 0
        while True:
            self._missed.clear()
            try:
                async with asyncio.timeout(LONGEST):
                    self.take(await fetch(*self._from))
                failures = 0
            except (OSError, ValueError, h11.ProtocolError, BadKeys) as error:
                failures += 1
                self.complain(error)
            self._tried.set()
            await asyncio.sleep(pause(failures))
            if not failures:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._missed.wait(), EVERY)


def pause(failures: int) -> float:
    """The least seconds between two fetches, after so many failures in a row."""
    return float(AGAIN * 2 ** min(failures, MOST_DOUBLINGS))


async def fetch(url: SplitResult, context: ssl.SSLContext) -> bytes:
    """What is at this URL. Raises OSError, h11.ProtocolError, BadKeys; ValueError for an odd URL.

    By hand, as a client in a thread has no end that a slow server could not put off.
    """
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 443, ssl=context)
    connection = h11.Connection(h11.CLIENT)
    try:
        fields = [("Host", url.netloc), ("Accept", "application/json"), ("Connection", "close")]
        target = f"{url.path or '/'}{'?' if url.query else ''}{url.query}"
        head = connection.send(h11.Request(method="GET", target=target, headers=fields))
        writer.write((head or b"") + (connection.send(h11.EndOfMessage()) or b""))
        body = b""
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(PIECE))
            elif isinstance(event, h11.Response) and event.status_code != 200:
                raise BadKeys(f"expected status 200, got {event.status_code}")
            elif isinstance(event, h11.Data):
                body += event.data
            if len(body) > MAX_JWKS:
                raise BadKeys(f"expected at most {MAX_JWKS} bytes")
        return body
    finally:
        writer.close()
