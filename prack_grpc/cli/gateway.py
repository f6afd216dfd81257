"""A running gateway, seen from one of its private ports."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prack_grpc.cli.trust import Trust
from prack_grpc.settings.settings import Settings
from prack_grpc.settings.values import VISIBLE

SECONDS = 10.0
MAX_ANSWER = 64 * 1024 * 1024  # of whatever listens there
Row = Mapping[str, Any]


class Trouble(Exception):
    """The gateway could not be reached, or refused; the message says why."""


class Missing(Trouble):
    """There is nothing of this name (404)."""


@dataclass(frozen=True)
class Gateway:
    """One private port. `address` and `secret` say how to set where it is, and its token."""

    url: str
    token: str | None = field(repr=False)
    address: str
    secret: str
    trust: Trust

    def ask(self, method: str, path: str, message: Row | None = None) -> dict[str, Any]:
        """The JSON object of one call. Raises Trouble."""
        content = None if message is None else json.dumps(message).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", content, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        if self.token:
            if not VISIBLE.fullmatch(self.token):
                raise Trouble(f"the token must be one line of visible ASCII: see {self.secret}")
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with self.trust.open(request, timeout=SECONDS) as reply:
                answer = json.loads(reply.read(MAX_ANSWER))
                if not isinstance(answer, dict):
                    raise ValueError("what answers there is no gateway")
                return answer
        except urllib.error.HTTPError as error:
            kind = Missing if error.code == 404 else Trouble
            raise kind(f"{self.url}: {self._reason(error)}") from None
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            reason = self.trust.reason(error, self.url)
            hint = f"is `prack serve` running there? set its address with {self.address}"
            raise Trouble(f"no gateway at {self.url}: {reason} ({hint})") from None

    def _reason(self, error: urllib.error.HTTPError) -> str:
        if error.code == 401:
            return f"the gateway requires a token: set {self.secret}"
        try:
            return str(json.loads(error.read(MAX_ANSWER))["detail"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return f"{error.code} {error.reason}"


def worker_port(settings: Settings, trust: Trust) -> Gateway:
    """The worker API of the gateway with these settings, on this machine."""
    address, secret = "--api-host and --api-port", "PRACK_TOKEN or --token-file"
    return Gateway(api_url(settings, trust), settings.token, address, secret, trust)


def admin_port(settings: Settings, trust: Trust) -> Gateway:
    """The admin port of the gateway with these settings."""
    address, secret = "--admin-host and --admin-port", "PRACK_ADMIN_TOKEN or --token-file"
    url = _url(trust.scheme, settings.admin_host, settings.admin_port)
    return Gateway(url, settings.admin_token, address, secret, trust)


def api_url(settings: Settings, trust: Trust) -> str:
    """The URL of the worker API of the gateway with these settings, on this machine."""
    return _url(trust.scheme, settings.api_host, settings.api_port)


def _url(scheme: str, host: str, port: int) -> str:
    """Who listens at every address listens on this machine."""
    host = host if host not in ("0.0.0.0", "::") else "127.0.0.1"  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


@contextmanager
def understood() -> Iterator[None]:
    """Within, an answer that is not what was expected is a Trouble."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Trouble(f"what answers there is no gateway of this version ({error!r})") from None
