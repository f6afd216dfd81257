"""Traces against a collector that speaks OTLP over HTTP, from a gateway in this process."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from prack.v1 import worker_pb2 as pb
from prack_grpc.telemetry import spans as spans_module
from prack_grpc.telemetry import tracing
from prack_grpc.telemetry.access import Record
from prack_grpc.telemetry.spans import Spans
from tests.conftest import Start
from tests.core.building import a_request
from tests.gateway.websocket.test_exchange import websocket
from tests.support.client import RawClient, Response
from tests.support.events_worker import close, events_worker
from tests.support.otlp import Collector, Received, collecting
from tests.support.scripted_worker import ScriptedWorker, connect

PARENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable but those of the test; threads of the SDK that end later say it to nobody."""
    for name in (ENDPOINT, "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    yield
    sdk = logging.getLogger("opentelemetry")
    sdk.handlers, sdk.propagate = [logging.NullHandler()], False


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """The variables name it; batches go out at once."""
    with collecting() as collector:
        monkeypatch.setenv(ENDPOINT, collector.endpoint)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
        yield collector


def parent_of(request: pb.Request) -> str:
    """The traceparent that a worker was given, of which there is one."""
    fields = list(zip(request.headers[::2], request.headers[1::2], strict=True))
    (value,) = [value for name, value in fields if name == b"traceparent"]
    return value.decode()


async def exchanged(
    worker: ScriptedWorker,
    client: RawClient,
    *fields: bytes,
    target: bytes = b"/",
    status: int = 200,
) -> tuple[pb.Request, Response]:
    """A request with these fields, and its answer."""
    await client.get(target, *fields)
    request = await worker.event("requests")
    await worker.send(heads=[pb.ResponseHead(id=request.id, status=status, end=True)])
    return request, await client.response()


def by_name(spans: list[Received]) -> dict[str, Received]:
    """Where each name comes once."""
    return {one.name: one for one in spans}


async def test_a_request_has_a_span_and_queue_and_worker_below(
    collector: Collector, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge")
    gateway = await start()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(
            service="web", version="v2", routes=[pb.Route(host="shop.test", path="/a")]
        )
        client = await gateway.client()
        client.host = b"shop.test:81"
        request, _ = await exchanged(
            worker,
            client,
            b"traceparent: " + PARENT.encode(),
            b"tracestate: a=1",
            b"user-agent: tests",
            target=b"/a/b?x=1&sig=secret",
        )
    spans = by_name(await asyncio.to_thread(collector.spans, 3))
    server, queue, taken = spans["GET"], spans["queue"], spans["worker"]
    assert {one.trace_id for one in spans.values()} == {"a" * 32}
    assert server.parent == "b" * 16
    assert server.span.kind == Span.SPAN_KIND_SERVER
    assert queue.parent == taken.parent == server.id
    assert parent_of(request) == f"00-{'a' * 32}-{taken.id}-01"
    assert b"a=1" in request.headers
    assert server.resource["service.name"] == "edge"
    assert collector.paths == ["/v1/traces"] * len(collector.paths)
    known = server.attributes
    assert known.pop("prack.request_id") == known.pop("prack.exchange") == request.request_id
    assert known == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/a/b",
        "url.query": "x=1&sig=REDACTED",
        "server.address": "shop.test",
        "server.port": 81,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "tests",
    }
    assert queue.attributes == {"prack.route": "shop.test/a"}
    assert taken.attributes == {
        "prack.worker": "w1",
        "prack.service": "web",
        "prack.version": "v2",
        "prack.attempt": 1,
        "prack.route": "shop.test/a",
    }
    times = [
        (one.span.start_time_unix_nano, one.span.end_time_unix_nano)
        for one in (server, queue, taken)
    ]
    assert all(begin <= end for begin, end in times)
    assert times[0][0] <= times[1][0]
    assert times[2][1] <= times[0][1]


async def test_a_second_hand_out_is_a_second_span(collector: Collector, start: Start) -> None:
    gateway = await start()
    client = await gateway.client()
    async with connect(gateway.grpc_port) as first:
        await first.hello("first")
        await client.get(b"/")
        given = [parent_of(await first.event("requests"))]
    async with connect(gateway.grpc_port) as second:
        await second.hello("second")
        request = await second.event("requests")
        given.append(parent_of(request))
        await second.answer(request)
        assert (await client.response()).status == 200
    spans = await asyncio.to_thread(collector.spans, 4)
    workers = [one for one in spans if one.name == "worker"]
    assert [one.attributes["prack.worker"] for one in workers] == ["first", "second"]
    assert [one.attributes["prack.attempt"] for one in workers] == [1, 2]
    assert [parent.split("-")[2] for parent in given] == [one.id for one in workers]
    assert workers[0].span.end_time_unix_nano <= workers[1].span.start_time_unix_nano + 1_000_000


async def test_what_the_gateway_answers_itself_is_an_error_with_its_code(
    collector: Collector, start: Start
) -> None:
    gateway = await start(queue_timeout=0.05)
    client = await gateway.client()
    await client.get(b"/", method=b"PURGE")
    assert (await client.response()).status == 503
    spans = by_name(await asyncio.to_thread(collector.spans, 2))
    server = spans["HTTP"]
    assert server.span.status.code == Status.STATUS_CODE_ERROR
    assert server.attributes["error.type"] == server.attributes["prack.error"] == "no_workers"
    assert server.attributes["http.response.status_code"] == 503
    assert server.attributes["http.request.method"] == "_OTHER"
    assert server.attributes["http.request.method_original"] == "PURGE"
    assert server.parent == ""
    assert spans["queue"].parent == server.id


async def test_errors_of_a_worker_are_told_from_those_of_its_client(
    collector: Collector, start: Start
) -> None:
    gateway = await start()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        for status in (404, 500):
            await exchanged(worker, client, status=status)
    spans = [one for one in await asyncio.to_thread(collector.spans, 6) if one.name == "GET"]
    assert [one.span.status.code for one in spans] == [
        Status.STATUS_CODE_UNSET,
        Status.STATUS_CODE_ERROR,
    ]
    assert [one.attributes.get("error.type") for one in spans] == [None, "500"]


async def test_a_response_that_is_cut_is_an_error_and_a_client_that_leaves_is_none(
    collector: Collector, start: Start
) -> None:
    gateway = await start(idle_timeout=0.05)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/cut")
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"half")])
        assert (await client.head()).status == 200
        await worker.event("cancels")
        client = await gateway.client()
        await client.get(b"/gone")
        request = await worker.event("requests")
        await client.close()
        await worker.event("cancels")
        spans = await asyncio.to_thread(collector.spans, 6)
    cut, gone = (one for one in spans if one.name == "GET")
    assert cut.span.status.code == Status.STATUS_CODE_ERROR
    assert cut.attributes["error.type"] == cut.attributes["prack.error"] == "deadline"
    assert cut.attributes["http.response.status_code"] == 200
    assert gone.span.status.code == Status.STATUS_CODE_UNSET
    assert gone.attributes["prack.error"] == "client_gone"
    assert "http.response.status_code" not in gone.attributes


async def test_the_batches_of_a_websocket_are_below_its_span(
    collector: Collector, start: Start
) -> None:
    gateway = await start()
    async with events_worker(gateway.api_port) as worker:
        opening = asyncio.create_task(websocket(gateway))
        first = await worker.accept()
        socket_ = await opening
        await socket_.send("more")
        second = await worker.batch()
        given = [(batch.header("traceparent") or "").split("-") for batch in (first, second)]
        await second.answer(close(1000))
        await socket_.wait_closed()
        spans = by_name(await asyncio.to_thread(collector.spans, 3))
    server, taken = spans["GET"], spans["worker"]
    assert {parent[1] for parent in given} == {server.trace_id}
    assert [parent[2] for parent in given] == [taken.id, server.id]
    assert server.attributes["http.response.status_code"] == 101
    assert taken.span.end_time_unix_nano <= server.span.end_time_unix_nano


async def test_what_the_client_does_not_sample_is_not_sent_but_goes_on(
    collector: Collector, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prack.access")
    gateway = await start()
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        request, _ = await exchanged(worker, client, b"traceparent: " + PARENT[:-1].encode() + b"0")
        assert parent_of(request).startswith(f"00-{'a' * 32}-")
        assert parent_of(request).endswith("-00")
        await exchanged(worker, client)
    spans = await asyncio.to_thread(collector.spans, 3)
    assert len(spans) == 3
    assert "a" * 32 not in {one.trace_id for one in spans}
    told = [vars(one)["trace_id"] for one in caplog.records if one.name == "prack.access"]
    assert told == ["a" * 32, spans[0].trace_id]


def one_request(spans: Spans) -> None:
    """A request that nobody took."""
    request = a_request()
    request.trace = spans.begin(request)
    record = Record("", b"", b"", None, request, status=503, error="no_workers")
    spans.ended(record, record.began + 0.1)


AUTHORITIES = [
    (b"shop.test", "shop.test", None),
    (b"shop.test:81", "shop.test", 81),
    (b"shop.test:", "shop.test", None),
    (b"[2001:db8::1]:81", "2001:db8::1", 81),
    (b"[2001:db8::1]", "2001:db8::1", None),
    (b"[::::]", "::::", None),
    (b"[v1.a]:80", "v1.a", 80),
    (b"", None, None),
]


@pytest.mark.parametrize(("authority", "host", "port"), AUTHORITIES)
async def test_any_authority_that_is_let_in_can_be_told(
    collector: Collector, authority: bytes, host: str | None, port: int | None
) -> None:
    spans = tracing.spans(os.environ)
    assert spans is not None
    request = a_request(host=authority, headers=[(b"traceparent", b"\xff"), (b"tracestate", b",=")])
    request.trace = spans.begin(request)
    spans.ended(Record("", b"", b"", None, request, status=204), 0.0)
    await spans.stop()
    (server,) = collector.spans(1)
    assert server.attributes.get("server.address") == host
    assert server.attributes.get("server.port") == port


async def test_a_stop_sends_what_is_left(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "3600000")
    spans = tracing.spans(os.environ)
    assert spans is not None
    one_request(spans)
    await spans.stop()
    (server,) = collector.spans(1)
    assert server.span.end_time_unix_nano - server.span.start_time_unix_nano > 90_000_000


class Heard(logging.Handler):
    """Tells who waits that something was logged."""

    def __init__(self, said: threading.Event) -> None:
        super().__init__()
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        self._said.set()


async def test_without_a_collector_the_log_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    spans = tracing.spans(os.environ)
    assert spans is not None
    said = threading.Event()
    logging.getLogger(tracing.__name__).addHandler(heard := Heard(said))
    one_request(spans)
    assert await asyncio.to_thread(said.wait, 10)
    one_request(spans)
    await spans.stop()
    logging.getLogger(tracing.__name__).removeHandler(heard)
    (record,) = caplog.records
    assert vars(record)["action"] == "traces_lost"
    assert "spans batch" in vars(record)["reason"]
    assert record.exc_info is None


async def test_a_collector_that_says_nothing_holds_up_no_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr(spans_module, "FLUSH_SECONDS", 0.05)
        spans = tracing.spans(os.environ)
        assert spans is not None
        one_request(spans)
        async with asyncio.timeout(5):  # it would wait for 10
            await spans.stop()


OFF = [
    {},
    {ENDPOINT: ""},
    {ENDPOINT: "http://127.0.0.1:9", "OTEL_SDK_DISABLED": " True"},
    {ENDPOINT: "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    {"OTEL_SERVICE_NAME": "edge"},
]
WRONG = [
    ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER: expected otlp, console or none"),
    (
        {ENDPOINT: "http://127.0.0.1:9", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        "OTEL_EXPORTER_OTLP_PROTOCOL: only http/protobuf is supported",
    ),
]


@pytest.mark.parametrize("environ", OFF)
def test_there_are_none_unasked(environ: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    assert tracing.spans(environ) is None
    assert not caplog.records


@pytest.mark.parametrize(("environ", "why"), WRONG)
def test_what_is_wrong_is_said_and_stops_nothing(
    environ: dict[str, str], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert tracing.spans(environ) is None
    (record,) = caplog.records
    assert why in record.getMessage()
    assert vars(record)["action"] == "traces_off"


IMPORTED = """
import sys
from prack_grpc.composition import service
from prack_grpc.telemetry import tracing
{without}
assert tracing.spans({environ}) is None
print(*(name for name in sys.modules if name.startswith({heavy})))
"""
HEAVY = ("opentelemetry.sdk", "opentelemetry.exporter", "requests", "prack_grpc.telemetry.spans")


def run(environ: dict[str, str], without: str = "") -> subprocess.CompletedProcess[str]:
    """A process that asks for traces with these variables, and says what it has imported."""
    code = IMPORTED.format(environ=environ, heavy=HEAVY, without=without)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )


def test_nothing_is_imported_unasked() -> None:
    assert run({}).stdout == "\n"


def test_a_missing_extra_is_named() -> None:
    done = run({ENDPOINT: "http://127.0.0.1:9"}, "sys.modules['opentelemetry.exporter'] = None")
    assert "pip install 'prack[otel]'" in done.stderr
