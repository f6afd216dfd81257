"""A worker of nothing but the standard library, over the raw REST API (docs/rest.md).

python -m soak.raw_worker http://127.0.0.1:4242 VERSION

It serves one request at a time, with a connection for every call, as a shell worker does.
"""

import http.client
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from email.message import Message
from urllib.parse import urlencode, urlsplit

from soak.answers import Digest, Script
from soak.journal import Entry, Journal

API = "/api/v1/requests"
WAIT_SECONDS = 2
LEASE_SECONDS = 10
CALL_SECONDS = 30
AGAIN_SECONDS = 0.05


class RawWorker:
    """Polls, answers, and polls again until it is stopped."""

    def __init__(self, address: str, version: str) -> None:
        self._address = address
        self._journal = Journal()
        self.stopping = threading.Event()
        self._poll = f"{API}/next?" + urlencode({
            "worker": f"raw-{os.getpid()}-{uuid.uuid4().hex[:8]}",
            "service": "soak",
            "version": version,
            "wait": WAIT_SECONDS,
            "lease": LEASE_SECONDS,
        })  # fmt: skip

    def run(self) -> None:
        """Until SIGTERM. A poll that is parked is waited for: it may bring a request."""
        while not self.stopping.is_set():
            try:
                self._turn()
            except (OSError, http.client.HTTPException):
                time.sleep(AGAIN_SECONDS)

    def _turn(self) -> None:
        status, fields, message = self._call("GET", self._poll)
        if status == 200:
            self._serve(fields["prack-id"], int(fields["prack-attempt"]), message)
        elif status != 204:
            time.sleep(AGAIN_SECONDS)

    def _serve(self, identifier: str, attempt: int, message: bytes) -> None:
        head, _, body = message.partition(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        nonce, _, query = target[1:].partition("?")
        entry = self._journal.begin(nonce, attempt)
        try:
            self._answer(f"{API}/{identifier}/response", entry, method, Script.parse(query), body)
        finally:
            entry.end()

    def _answer(self, path: str, entry: Entry, method: str, script: Script, body: bytes) -> None:
        digest = Digest(method)
        digest.add(body)
        time.sleep(script.wait / 1000)
        entry.say("head")
        pieces = script.body(entry.nonce, str(digest))
        if script.length is None:
            self._call("POST", path, _slowly(pieces, script.every / 1000))
        else:
            self._deliver(path, b"".join(pieces))

    def _deliver(self, path: str, body: bytes) -> None:
        """An answer that may have got lost is sent again: it counts once."""
        deadline = time.monotonic() + LEASE_SECONDS
        while time.monotonic() < deadline:
            try:
                self._call("POST", path, body)
            except (OSError, http.client.HTTPException):
                time.sleep(AGAIN_SECONDS)
            else:
                return

    def _call(
        self, method: str, path: str, body: bytes | Iterator[bytes] | None = None
    ) -> tuple[int, Message, bytes]:
        """Status, fields and body of the reply."""
        connection = http.client.HTTPConnection(self._address, timeout=CALL_SECONDS)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()


def _slowly(pieces: Iterator[bytes], pause: float) -> Iterator[bytes]:
    for piece in pieces:
        yield piece
        time.sleep(pause)


def main() -> None:
    """See the head of this file."""
    worker = RawWorker(urlsplit(sys.argv[1]).netloc, sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: worker.stopping.set())
    print(f"Connected to {sys.argv[1]}", flush=True)
    worker.run()


if __name__ == "__main__":
    main()
