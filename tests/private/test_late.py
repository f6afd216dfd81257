"""A private port before its application is made: what it says is what the application would say."""

import asyncio
import threading
from ipaddress import IPv4Network
from itertools import product
from typing import Any

import pytest
from starlette.types import ASGIApp, Message

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.worker import Principal
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.callers import ADMIN_PAGES, PAGES, Callers
from prack_grpc.private.health import Health, health_pages
from prack_grpc.private.late import LateApp
from prack_grpc.private.operators.steering import meshed
from prack_grpc.rest.app import WorkerApp, create_app
from prack_grpc.rest.polls import Polls
from prack_grpc.rest.switching import StreamEndpoint

TOKEN = "0123456789abcdef0123456789abcdef"
STREAM = "/api/v1/stream"
PATHS = ("/livez", "/healthz", "/readyz", STREAM)
BEARER = b"Bearer " + TOKEN.encode()
AUTHORIZATIONS = (None, BEARER, b"Bearer wrong", b"Basic eDp5")
HOSTS = (None, b"127.0.0.1:4242", b"10.0.0.7:4242", b"evil.example")
ORIGINS = (None, b"http://127.0.0.1:4242", b"https://evil.example")
TOKENS = (None, TOKEN)
ADDRESSES = IPv4Network("198.18.0.0/15").hosts()


def carrier(_: Principal) -> asyncio.Protocol | None:
    """There is no stream while the gateway stops."""
    return None


def described(callers: Callers, health: Health) -> WorkerApp:
    """The whole worker API."""
    limits, cluster = Limits(), Cluster("")
    broker = MemoryBroker(limits)
    steering = meshed(broker, cluster, limits.max_paused)
    polls = Polls(broker, limits)
    return create_app(polls, broker, limits, callers, health, steering, cluster, carrier=carrier)


def scope(method: str, path: str, **fields: bytes | None) -> dict[str, Any]:
    """A call with these fields, of somebody new: whoever was wrong before has to wait."""
    headers = [(name.encode(), value) for name, value in fields.items() if value is not None]
    about = {"method": method, "path": path, "raw_path": path.encode(), "query_string": b""}
    of = {"type": "http", "headers": headers, "client": (str(next(ADDRESSES)), 5), "extensions": {}}
    return {**about, **of, "root_path": "", "http_version": "1.1", "scheme": "http"}


async def asked(app: ASGIApp, call: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
    """Status, fields and body of the reply."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(call, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(m["body"] for m in sent[1:])


def never() -> WorkerApp:
    """Of a call that needs no application."""
    raise AssertionError("an application was made")


@pytest.mark.parametrize("ready", [True, False])
@pytest.mark.parametrize("token", TOKENS)
async def test_it_says_what_the_application_would_say(token: str | None, ready: bool) -> None:
    callers, health = Callers(token), Health()
    health.started = ready
    app = described(callers, health)
    endpoints = health_pages(health)
    endpoints["GET", STREAM] = StreamEndpoint(carrier)
    seen = set()
    for method, path, who, host, origin, switches in product(
        ("GET", "HEAD", "POST"), PATHS, AUTHORIZATIONS, HOSTS, ORIGINS, (False, True)
    ):
        call = scope(method, path, authorization=who, host=host, origin=origin)
        if switches:
            call["extensions"]["prack"] = {"switch": never}
        late = LateApp(callers, endpoints, lambda: app)
        expected = await asked(app, dict(call))
        assert await asked(late, {**call, "client": (str(next(ADDRESSES)), 5)}) == expected, call
        seen.add(expected[0])
    assert seen == {200, 403, 405, 426, 503} | ({401} if token else set())


@pytest.mark.parametrize("pages", [PAGES, ADMIN_PAGES])
async def test_a_probe_without_the_token_needs_no_application(pages: Any) -> None:
    health = Health()
    late = LateApp(Callers(TOKEN, pages=pages), health_pages(health), never)
    status, fields, _ = await asked(late, scope("GET", "/readyz", host=b"10.0.0.7:4242"))
    assert (status, fields[b"connection"]) == (503, b"close")


async def test_calls_that_come_together_wait_for_one_application() -> None:
    callers, health, made, go = Callers(None), Health(), [], threading.Event()
    app = described(callers, health)

    def make() -> WorkerApp:
        go.wait()
        made.append(threading.current_thread())
        return app

    late = LateApp(callers, health_pages(health), make)
    became: list[ASGIApp] = []
    late.on_made = became.append
    info = scope("GET", "/api/v1/info", host=b"localhost")
    calls = [asyncio.create_task(asked(late, dict(info))) for _ in range(3)]
    left = asyncio.create_task(asked(late, dict(info)))
    # The loop goes on meanwhile.
    assert (await asked(late, scope("GET", "/livez")))[0] == 200
    left.cancel()
    go.set()
    assert {status for status, _, _ in await asyncio.gather(*calls)} == {200}
    assert (len(made), became) == (1, [app])
    assert made[0] is not threading.current_thread()
