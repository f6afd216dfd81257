"""Calling back, at real sockets."""

import asyncio
import json
import re
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from prack_grpc.core.deferred.states import Event
from prack_grpc.deferred.calls import Calls, call_back
from prack_grpc.deferred.destinations import Destinations
from prack_grpc.deferred.job import Answer, Job
from prack_grpc.deferred.signature import secret_of, signature
from tests.deferred.building import a_job
from tests.support.certificates import Authority

SECRET = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
HERE = Destinations(("127.0.0.0/8", "localhost"))
NOW = 1_780_000_000.0


class Callee:
    """Answers what it is told to, and remembers what it was sent."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: (\d+)", head)
        assert found
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(int(found[1])))
        writer.write(self._answer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def listening(
    answer: bytes, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Callee, int]]:
    """A callee, and its port."""
    callee = Callee(answer)
    async with await asyncio.start_server(callee.serve, "127.0.0.1", 0, ssl=context) as server:
        yield callee, server.sockets[0].getsockname()[1]


def a_call(url: str, event: Event = Event.ANSWER) -> Job:
    """What is sent when a job with this call-back has ended."""
    job = a_job(callback=url, attempts=2)
    answer = Answer(201, [], b"made") if event is Event.ANSWER else None
    return call_back(job, event, answer, "/there", NOW)


def test_it_says_how_it_ended_and_where_the_answer_is() -> None:
    call = a_call("https://api.test:8443/done?a=1")
    assert call.url == "https://api.test:8443/done?a=1"
    assert (call.call, call.due) == (True, NOW)
    told = json.loads(call.body)
    assert told["type"] == "request.answered"
    assert told["timestamp"] == "2026-05-28T20:26:40+00:00"
    assert (told["data"]["location"], told["data"]["status"], told["data"]["attempts"]) == (
        "/there",
        201,
        2,
    )
    assert json.loads(a_call("https://api.test", Event.GIVE_UP).body)["type"] == "request.dead"
    assert a_call("https://api.test").url == "https://api.test/"


async def test_it_is_signed() -> None:
    async with listening(b"HTTP/1.1 200 OK\r\n\r\n") as (callee, port):
        call = a_call(f"http://127.0.0.1:{port}/done")
        outcome = await Calls(HERE, SECRET).run(call)
    assert outcome.done
    assert outcome.reason == f"{call.url} answered 200"
    [head], [body] = callee.heads, callee.bodies
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
    assert body == call.body
    assert fields[b"host"] == b"127.0.0.1:%d" % port
    assert fields[b"webhook-id"] == call.id.encode()
    stamp = int(fields[b"webhook-timestamp"])
    assert abs(stamp - time.time()) < 60
    assert fields[b"webhook-signature"] == signature(SECRET, call.id, stamp, body).encode()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.0 500 Oops\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"hello\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"",
        b"x" * 100_000,
    ],
)
async def test_anything_but_2xx_is_no_success(answer: bytes) -> None:
    async with listening(answer) as (callee, port):
        outcome = await Calls(HERE, SECRET).run(a_call(f"http://127.0.0.1:{port}/"))
    assert (outcome.started, outcome.done) == (True, False)
    assert str(port) in outcome.reason
    assert len(callee.heads) == 1


async def test_whoever_is_called_may_ask_for_a_pause() -> None:
    async with listening(b"HTTP/1.1 429 Slow\r\nx: y\r\nRetry-After: 7\r\n\r\n") as (_, port):
        outcome = await Calls(HERE, SECRET).run(a_call(f"http://127.0.0.1:{port}/"))
    assert outcome.retry_after == 7.0


async def test_nobody_there_is_a_failure() -> None:
    async with listening(b"") as (_, port):
        pass
    outcome = await Calls(HERE, SECRET).run(a_call(f"http://127.0.0.1:{port}/"))
    assert not outcome.done


async def test_a_name_that_leads_inside_is_not_called() -> None:
    named = Destinations(("localhost",))
    async with listening(b"HTTP/1.1 200 OK\r\n\r\n") as (callee, port):
        outcome = await Calls(named, SECRET).run(a_call(f"https://localhost:{port}/"))
    assert not outcome.done
    assert "not public" in outcome.reason
    assert not callee.heads


async def test_a_host_that_is_listed_no_more_is_not_called() -> None:
    outcome = await Calls(Destinations(()), SECRET).run(a_call("https://api.test/"))
    assert "--callback-hosts" in outcome.reason


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs the certificate of who is called."""
    return Authority(tmp_path)


async def test_over_tls_the_certificate_must_be_that_of_the_host(authority: Authority) -> None:
    trust = ssl.create_default_context(cafile=str(authority.file))
    calls = Calls(HERE, SECRET, trust)
    for name, done in (("localhost", True), ("other.test", False)):
        issued = authority.issue(f"DNS:{name}")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(issued.cert, issued.key)
        async with listening(b"HTTP/1.1 200 OK\r\n\r\n", context) as (_, port):
            outcome = await calls.run(a_call(f"https://localhost:{port}/"))
        assert outcome.done is done
        assert done or "certificate" in outcome.reason


@asynccontextmanager
async def silence() -> AsyncIterator[tuple[asyncio.Event, int]]:
    """Whoever takes a connection and says nothing: when there is one, and its port."""
    connected = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        with suppress(OSError):
            await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        yield connected, server.sockets[0].getsockname()[1]


async def test_a_silent_one_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prack_grpc.deferred.calls.SECONDS", 0.05)
    async with silence() as (connected, port):
        outcome = await Calls(HERE, SECRET).run(a_call(f"http://127.0.0.1:{port}/"))
        assert connected.is_set()
    assert not outcome.done
    assert "TimeoutError" in outcome.reason


async def test_a_silent_one_is_given_up_at_the_end() -> None:
    calls = Calls(HERE, SECRET)
    async with asyncio.timeout(10), silence() as (connected, port):
        calling = asyncio.create_task(calls.run(a_call(f"http://127.0.0.1:{port}/")))
        await connected.wait()
        calls.end()
        assert not (await calling).done
