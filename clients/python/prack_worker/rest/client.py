"""Calls of the REST worker API (docs/rest.md), and what their failures mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2

from prack_wire.tls import NOT_TLS, Tls, not_tls, uncertified
from prack_worker.backoff import Backoff
from prack_worker.errors import ConnectFailed, GatewayRefused
from prack_worker.loops.link import link
from prack_worker.rest.upload import Upload, begin, request
from prack_worker.transport import Identity
from prack_worker.version import VERSION

POLL_SECONDS = 5.0  # how long a poll is parked
LEASE_SECONDS = 20
SLACK_SECONDS = 5.0  # the gateway ends a poll; the client only gives up on one that got lost
CALL_SECONDS = 30.0
MAX_RETRY_SECONDS = 60.0  # no gateway asks for more
ENDED = httpx2.RemoteProtocolError, httpx2.ReadError
HINT = "(http:// connects to the REST port of `prack serve`, 4242 by default)"

T = TypeVar("T")


class RestClient:
    """One gateway's worker API. Its calls are made in the link's thread.

    Args:
        token: asked before each call, so it may be replaced.
        max_silence: seconds; see RestTransport.

    Attributes:
        lease: seconds that this worker may be silent about a request before it counts as lost.
    """

    def __init__(
        self,
        url: str,
        identity: Identity,
        token: Callable[[], str | None],
        max_silence: float,
        tls: Tls | None,
    ) -> None:
        self.lease = max(1, round(max_silence or LEASE_SECONDS))
        self._slack = max_silence or SLACK_SECONDS
        self._link = link()
        self._context = tls.context() if tls else None
        self._http = httpx2.AsyncClient(
            base_url=f"{url}/api/v1",
            headers={"user-agent": f"prack-worker/{VERSION}"},
            trust_env=False,  # the token is for the gateway, not for a proxy of the environment
            verify=self._context or False,
        )
        self._tls = tls
        self._host = url.rpartition("//")[2]
        self._name = tls.server_name if tls else ""
        self._extensions = {"sni_hostname": self._name} if self._name else {}
        self._token = token
        self._worker_id = identity.worker_id
        self._about = [
            ("worker", identity.worker_id),
            ("service", identity.service),
            ("version", identity.version),
            ("tier", identity.tier),
            ("lease", self.lease),
            *(("route", str(route)) for route in identity.routes),
        ]

    async def poll(self, most: int, wait: float) -> list[dict[str, Any]]:
        """Up to `most` requests; an empty list when none came within `wait` seconds.

        Raises:
            ConnectFailed: not now.
            GatewayRefused: the gateway will never take such a poll.
        """
        params = [("max", most), ("wait", wait), *self._about]
        reply = await self._call("GET", "/request", wait + self._slack, params=params)
        if reply.status_code == 400:
            raise GatewayRefused(_detail(reply))
        if reply.status_code != 200:
            raise ConnectFailed(_detail(reply))
        try:
            return list(json.loads(reply.content)["requests"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConnectFailed(f"the server there is not a Prack gateway ({error!r})") from error

    async def drain(self) -> None:
        """Have the parked poll return at once. Raises ConnectFailed."""
        about = json.dumps({"worker": self._worker_id, "leaving": True}).encode()
        await self._call("POST", "/drain", POLL_SECONDS, content=about)

    async def post(self, path: str, content: bytes) -> httpx2.Response:
        """One call. Raises ConnectFailed when it may be repeated."""
        return await self._call("POST", path, CALL_SECONDS, content=content)

    async def deliver(self, path: str, content: bytes, until: float) -> httpx2.Response:
        """Repeat a call until it arrives, or `until` on the loop's clock: then ConnectFailed."""
        return await self._repeat(lambda: self.post(path, content), until)

    async def upload(self, identifier: str, head: bytes, size: int, until: float) -> Upload:
        """Begin an answer of `size` bytes that is sent piece by piece; -1: until it ends.

        Raises:
            ConnectFailed: there was no connection `until` then, on the loop's clock.
        """

        async def dial() -> Upload:
            start = request(identifier, self._host, self._token(), head, size)
            work = begin(self._host, self._context, self._name, start, size)
            return await self._link.do(work)

        return await self._repeat(dial, until)

    async def _repeat(self, call: Callable[[], Awaitable[T]], until: float) -> T:
        backoff = Backoff()
        while True:
            try:
                return await call()
            except ConnectFailed:
                delay = backoff.next()
                if asyncio.get_running_loop().time() + delay > until:
                    raise
            await asyncio.sleep(delay)

    async def close(self) -> None:
        await self._link.clean_up(self._http.aclose())

    async def _call(
        self, method: str, path: str, timeout: float, **request: Any
    ) -> httpx2.Response:
        headers = {"content-type": "application/json"} if method == "POST" else {}
        if token := self._token():
            headers["authorization"] = f"Bearer {token}"
        try:
            reply = await self._link.do(
                self._http.request(
                    method,
                    path,
                    headers=headers,
                    timeout=timeout,
                    extensions=self._extensions,
                    **request,
                )
            )
        except httpx2.HTTPError as error:
            raise ConnectFailed(self._describe(error)) from error
        if reply.status_code == 401:
            raise ConnectFailed("the gateway rejects this token: check PRACK_TOKEN or --token-file")
        if reply.status_code in (403, 408, 429) or reply.status_code >= 500:
            raise ConnectFailed(_detail(reply), _retry_after(reply))
        return reply

    def _describe(self, error: httpx2.HTTPError) -> str:
        """Why a call had no answer, as one line for the log."""
        reason = str(error) or type(error).__name__
        if self._tls and (refusal := self._tls.refusal(error, self._host)):
            return refusal
        if NOT_TLS in reason:
            return not_tls("http")
        if self._tls and isinstance(error, ENDED):
            return uncertified(reason)
        if isinstance(error, httpx2.ConnectError):
            return f"{reason} (is `prack serve` running there?)"
        return f"{reason} {HINT}"


def _retry_after(reply: httpx2.Response) -> float:
    """How long the gateway asks to wait, in seconds."""
    text = reply.headers.get("retry-after", "")
    return min(float(text), MAX_RETRY_SECONDS) if text.isdecimal() and text.isascii() else 0.0


def _detail(reply: httpx2.Response) -> str:
    try:
        body = json.loads(reply.content)
        return f"{reply.status_code}: {body.get('detail') or body['error']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{reply.status_code} {reply.reason_phrase}".strip()
