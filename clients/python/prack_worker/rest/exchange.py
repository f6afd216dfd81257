"""One exchange over REST: the response is collected, then delivered as a whole."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Protocol

from prack_worker.errors import ResponseRefused
from prack_worker.exchange import AbortCode, Exchange, Headers
from prack_worker.request import Request, RequestBody

# The gateway takes 64 MiB of JSON, and base64 makes a body a third larger.
MAX_RESPONSE = 47 * 1024 * 1024


class Outlet(Protocol):
    """Where the ends of exchanges go."""

    def answer(self, exchange: RestExchange, response: bytes) -> None:
        """Deliver a response, an entry of `POST /response`."""

    def abort(self, exchange: RestExchange, code: AbortCode, message: str) -> None:
        """Give a request back, or say that it failed."""


class RestExchange(Exchange):
    """An exchange whose response is delivered by an outlet, once it is complete.

    Attributes:
        identifier: names this lease of the exchange; what the API wants to hear.
    """

    __slots__ = ("_head", "_outlet", "_parts", "_size", "identifier")

    def __init__(self, identifier: str, request: Request, body: bytes, outlet: Outlet) -> None:
        super().__init__(request, RequestBody(body, end=True))
        self.identifier = identifier
        self._outlet = outlet
        self._head: dict[str, Any] = {}
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def size(self) -> int:
        """See Exchange."""
        return self._size

    async def send_head(
        self, status: int, headers: Headers, body: bytes = b"", end: bool = False
    ) -> None:
        self._check_open()
        if status < 200:
            return  # an answer over REST is one response
        self._begin(status)
        self._head = {
            "identifier": self.identifier,
            "code": status,
            "headers": [
                [name.decode("latin-1"), value.decode("latin-1")] for name, value in headers
            ],
        }
        if body or end:
            await self.send_body(body, end)

    async def send_body(self, data: bytes, end: bool = False) -> None:
        self._check_open()
        if self._bodiless:
            data = b""
        self._size += len(data)
        if self._size > MAX_RESPONSE:
            self._parts.clear()
            raise ResponseRefused(
                f"the response is larger than {MAX_RESPONSE} bytes, the limit over REST; "
                "use prack:// or grpc://"
            )
        self._parts.append(data)
        if end:
            self._end()
            self._outlet.answer(self, self._encode())

    def abort(self, code: AbortCode, message: str) -> None:
        if not self.ended:
            self._end()
            self._outlet.abort(self, code, message)

    def _encode(self) -> bytes:
        """Base64 needs no escapes, so the body does not pass through the JSON encoder."""
        body = base64.b64encode(b"".join(self._parts))
        self._parts.clear()
        return b'%b,"body":"%b"}' % (json.dumps(self._head)[:-1].encode(), body)


def to_request(item: dict[str, Any], number: int, now: float) -> tuple[Request, bytes]:
    """The request and the body of one entry of a poll; `now` is when it came.

    Raises:
        KeyError, TypeError, ValueError: the entry is not what docs/rest.md says.
    """
    environment = item["environment"]
    headers = environment["prack.headers"]
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    address = environment.get("REMOTE_ADDR")
    request = Request(
        id=number,
        request_id=environment["prack.request_id"],
        method=environment["REQUEST_METHOD"],
        scheme=environment["rack.url_scheme"],
        authority=next((value for name, value in headers if name == "host"), ""),
        target=environment["prack.target"].encode("latin-1"),
        http_version=environment["SERVER_PROTOCOL"].removeprefix("HTTP/"),
        headers=pairs,
        client=(address, int(environment.get("REMOTE_PORT") or 0)) if address else None,
        deadline=now + environment["prack.deadline_ms"] / 1000,
        attempt=environment["prack.attempt"],
    )
    try:
        return request, base64.b64decode(environment.get("body") or "")
    except binascii.Error as error:
        raise ValueError(f"the body is not base64: {error}") from error
