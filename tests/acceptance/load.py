"""Clients that keep asking while something else happens."""

import http.client
import itertools
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType

from tests.acceptance.processes import SECONDS, connection_to


@dataclass
class Load:
    """Clients, each asking again as soon as it is answered.

    `clients` of them keep their connections, `fresh` ones open one for each request.
    Used as a context: on the way out they finish what they have begun. They use `methods` in turn,
    of which a POST may not be repeated; `failures` is what was not answered, or with the wrong
    nonce.
    """

    port: int
    clients: int = 4
    fresh: int = 0
    tls: ssl.SSLContext | None = None
    methods: tuple[str, ...] = ("GET", "POST")
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Load":
        for number in range(self.clients + self.fresh):
            thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive(), "a client still waits for its answer"

    def more(self, answers: int) -> None:
        """Wait until so many more were answered. Raises AssertionError if something has failed."""
        with self._changed:
            until = self.answered + answers
            done = self._changed.wait_for(
                lambda: self.answered >= until or self.failures, timeout=SECONDS
            )
        assert not self.failures, self.failures
        assert done, f"{self.answered} of {until} were answered"

    def _ask(self, client: int) -> None:
        connection = connection_to(self.port, self.tls)
        for number in itertools.count():
            if self._stop.is_set():
                break
            nonce = f"{client}-{number}"
            failure = self._request(connection, self.methods[number % len(self.methods)], nonce)
            if client >= self.clients:
                connection.close()
            with self._changed:
                self.answered += not failure
                self.failures += [failure] if failure else []
                self._changed.notify_all()
            if failure:
                break
        connection.close()

    def _request(self, connection: http.client.HTTPConnection, method: str, nonce: str) -> str:
        try:
            connection.request(method, f"/run/{nonce}")
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            return f"{method} {nonce}: {error!r}"
        right = response.status == 200 and body.startswith(f"{nonce} ".encode())
        return "" if right else f"{method} {nonce}: {response.status} {body[:300]!r}"
