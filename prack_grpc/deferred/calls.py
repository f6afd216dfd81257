"""Calling back: a client that has asked for it is told that its request has ended."""

import asyncio
import json
import re
import socket
import ssl
import time
from contextlib import suppress
from datetime import UTC, datetime

from prack_grpc.core.deferred.rules import Outcome, is_accepted, retry_after
from prack_grpc.core.deferred.states import Event
from prack_grpc.core.http.message import Request
from prack_grpc.deferred import job as jobs
from prack_grpc.deferred.destinations import BadCallback, Destinations, Target
from prack_grpc.deferred.job import Answer, Job
from prack_grpc.deferred.signature import signature

SECONDS = 15.0
STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r)")
RETRY_AFTER = re.compile(rb"\r\nretry-after:([^\r]*)\r\n", re.IGNORECASE)


def call_back(job: Job, event: Event, answer: Answer | None, path: str, now: float) -> Job:
    """The job that tells whoever sent this one how it ended; it asks for the answer at `path`."""
    word = "answered" if event is Event.ANSWER else "dead"
    about = {
        "type": f"request.{word}",
        "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
        "data": {
            "location": path,
            "request_id": job.request.x_request_id,
            "status": answer.status if answer else None,
            "attempts": job.attempts,
        },
    }
    body = json.dumps(about).encode()
    scheme, _, rest = job.callback.partition("://")
    authority, slash, target = rest.partition("/")
    id_ = jobs.new_id()
    request = Request(
        b"POST",
        scheme.encode(),
        authority.encode(),
        (slash + target or "/").encode(),
        b"1.1",
        [(b"content-type", b"application/json")],
        job.request.client,
        len(body),
        id=id_,
        x_request_id=id_,
    )
    line = jobs.line_of("call", authority)
    return Job(id_, line, request, body, now, now, call=True)


class Calls:
    """Sends these jobs to where they go, as far as `destinations` allows it.

    A redirect is not followed: it would lead around the list.
    """

    def __init__(
        self, destinations: Destinations, secret: bytes, context: ssl.SSLContext | None = None
    ) -> None:
        self._destinations = destinations
        self._secret = secret
        self._context = context or ssl.create_default_context()
        self._limits: set[asyncio.Timeout] = set()  # of those under way

    def end(self) -> None:
        """Those under way have taken too long."""
        for limit in self._limits:
            if not limit.expired():
                limit.reschedule(0)

    async def run(self, job: Job) -> Outcome:
        """How it ends. Raises nothing."""
        try:
            head = await self._head(job)
        except (OSError, BadCallback, asyncio.IncompleteReadError, ValueError) as error:
            return Outcome(True, False, f"{job.url}: {str(error) or type(error).__name__}")
        match = STATUS.match(head)
        if match is None:
            return Outcome(True, False, f"{job.url}: the answer is not HTTP/1.1")
        asked = RETRY_AFTER.search(head)
        pause = retry_after(asked[1].decode("latin-1"), time.time()) if asked else 0.0
        status = int(match[1])
        return Outcome(True, is_accepted(status), f"{job.url} answered {status}", pause)

    async def _head(self, job: Job) -> bytes:
        """The head of the answer. Raises OSError, BadCallback and what readers raise."""
        async with asyncio.timeout(SECONDS) as limit:
            self._limits.add(limit)
            try:
                return await self._sent(self._destinations.target(job.url), job)
            finally:
                self._limits.discard(limit)

    async def _sent(self, target: Target, job: Job) -> bytes:
        address = await self._address(target)
        tls = target.scheme == "https"
        reader, writer = await asyncio.open_connection(
            address,
            target.port,
            ssl=self._context if tls else None,
            server_hostname=target.host if tls else None,
        )
        try:
            writer.write(self._written(target, job))
            return await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise ValueError("the head of the answer is too long") from None
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _address(self, target: Target) -> str:
        """One address, which is then connected to: a second look-up could find another."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        for address in addresses:
            if self._destinations.allows(address, target.scheme):
                return address
        raise BadCallback(
            f"{', '.join(addresses)}: not public, or without TLS; list its network in "
            "--callback-hosts if it may be called"
        )

    def _written(self, target: Target, job: Job) -> bytes:
        stamp = int(time.time())
        signed = signature(self._secret, job.id, stamp, job.body)
        head = (
            f"POST {target.target} HTTP/1.1\r\nhost: {target.authority}\r\n"
            "content-type: application/json\r\nconnection: close\r\nuser-agent: prack\r\n"
            f"content-length: {len(job.body)}\r\nwebhook-id: {job.id}\r\n"
            f"webhook-timestamp: {stamp}\r\nwebhook-signature: {signed}\r\n\r\n"
        )
        return head.encode("latin-1") + job.body
