"""What leads clients to TLS: redirects from a port without it, and HSTS (RFC 6797)."""

import asyncio
import re
import secrets
from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.http.message import Headers
from prack_grpc.gateway.http.transaction import Asker, Fields, Response
from prack_grpc.gateway.request.head import check_authority, check_fields, checked_target
from prack_grpc.gateway.request.problem import problem

HSTS = b"strict-transport-security"
PROOF = (b"content-type", b"application/octet-stream")
AUTHORITY = re.compile(rb"(\[[^]]*\]|[^:]*)(:\d*)?")
HTTPS = 443


class StrictResponse(Response):
    """Has the client use TLS only, for `seconds`, unless the application has said what it wants."""

    __slots__ = ("_policy",)

    def __init__(
        self,
        seconds: int,
        asker: Asker,
        transport: asyncio.Transport,
        method: str,
        old: bool,
        keep_alive: bool,
    ) -> None:
        super().__init__(asker, transport, method, old, keep_alive)
        self._policy = b"max-age=%d" % seconds

    def head(self, status: int, headers: Fields) -> None:
        """See Response."""
        fields = list(headers)
        if not any(name == HSTS for name, _ in fields):
            fields.append((HSTS, self._policy))
        super().head(status, fields)


class Redirect:
    """Sends every request to the same host and target over TLS, with 308 (RFC 9110 15.4.9).

    `port` is the one with TLS. A client that named a port gets this one, and one that named none
    the default, as what was mapped to 80 outside is mapped to 443 as well. Paths in `answers` are
    answered with what is there: proofs for authorities of certificates (RFC 8555 section 8.3).
    """

    def __init__(self, port: int, answers: Mapping[str, bytes]) -> None:
        self._port = b"" if port == HTTPS else b":%d" % port
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one `http` scope; its body is not read."""
        body = self._answers.get(scope["path"], b"")
        try:
            status, headers = (200, [PROOF]) if body else (308, [self._location(scope)])
            headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
        except GatewayError as error:
            status, headers, body = problem(error, secrets.token_hex(16), close=True)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _location(self, scope: Scope) -> tuple[bytes, bytes]:
        """Raises GatewayError, by the rules of the public port."""
        fields: Headers = scope["headers"]
        known, version = dict(fields), scope["http_version"]
        check_fields(version, fields, known)
        target = scope["extensions"]["prack"]["target"]
        host = known.get(b"host", b"")
        target, authority = checked_target(scope["method"], version, target, host)
        check_authority(version, authority)
        match = AUTHORITY.fullmatch(authority)
        if not match or not match[1]:
            raise GatewayError(errors.BAD_HOST, "a redirect needs a Host field")
        port = self._port if match[2] else b""
        return b"location", b"https://" + match[1] + port + (b"" if target == b"*" else target)
