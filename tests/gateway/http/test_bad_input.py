"""Rows P1 to P95 of docs/promises.md: nothing of a refused request reaches a worker, and the
next connection works.
"""

import asyncio
import json

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.gateway.http.limits import ConnectionLimits
from tests.conftest import Gateway, Start
from tests.support.bad_requests import BAD_CHUNKS, REFUSED, chunk, get, length, post
from tests.support.client import RawClient, Response
from tests.support.scripted_worker import ScriptedWorker, connect


async def served(gateway: Gateway, worker: ScriptedWorker) -> None:
    """The next connection works, and its request is the first that a worker sees."""
    client = await gateway.client()
    await client.get(b"/after")
    request = await worker.event("requests")
    assert request.target == b"/after"
    await worker.answer(request)
    assert (await client.response()).status == 200


async def refusal(client: RawClient, data: bytes) -> Response:
    await client.send(data)
    response = await client.response()
    assert await client.closed()
    return response


@pytest.mark.parametrize(("data", "status"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
async def test_it_is_refused(gateway: Gateway, data: bytes, status: int) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        response = await refusal(await gateway.client(), data)
        assert response.status == status, response.body
        problem = json.loads(response.body)
        details = response.header(b"proxy-status") or b""
        assert details.endswith(b"details=" + problem["code"].encode())
        assert [name for name, _ in response.headers].count(b"date") == 1
        await served(gateway, worker)


@pytest.mark.parametrize("data", [r[1] for r in BAD_CHUNKS], ids=[r[0] for r in BAD_CHUNKS])
async def test_a_bad_chunk_is_refused_and_never_complete(gateway: Gateway, data: bytes) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        response = await refusal(await gateway.client(), chunk(data))
        assert response.status == 400
        assert json.loads(response.body)["code"] == "framing"
        assert not worker.seen("finishes")


ACCEPTED = [
    ("P11 8-bit value", get(b"x: \xe9\r\n"), (b"x", b"\xe9")),
    ("P48 leading zeros", length(b"0003"), (b"content-length", b"3")),
    ("P61 trailer", post(b"transfer-encoding: chunked\r\n", b"0\r\nx-t: 1\r\n\r\n"), None),
    ("P65 POST without length", post(b""), None),
    ("P78 upgrade in 1.0", get(b"upgrade: websocket\r\n", version=b"HTTP/1.0"), None),
    ("space after a value", get(b"x: a \t\r\n"), (b"x", b"a")),
    ("space after the length", length(b"3 "), (b"content-length", b"3")),
    ("other underscore", get(b"x_my_field: 1\r\n"), (b"x_my_field", b"1")),
    *[
        (f"host {host!r}", b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % host, (b"host", host))
        for host in (
            b"test:",
            b"test:0080",
            b"Sh%C3%B6p.test",
            b"a!$&'()*+;=_~.test:1",
            b"[::1]:",
            b"[::ffff:1.2.3.4]:80",
            b"[fe80::1%25eth0]:80",
            b"[v1.a:b]",
        )
    ],
    ("8 KiB in a field", get(b"x: %b\r\n" % (b"a" * 8192)), (b"x", b"a" * 8192)),
]


@pytest.mark.parametrize(("data", "field"), [r[1:] for r in ACCEPTED], ids=[r[0] for r in ACCEPTED])
async def test_what_is_odd_but_right_is_served(
    gateway: Gateway, data: bytes, field: tuple[bytes, bytes] | None
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(data)
        request = await worker.event("requests")
        fields = list(zip(request.headers[::2], request.headers[1::2], strict=True))
        assert field is None or field in fields
        assert b"x-t" not in request.headers
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_a_large_chunked_body_is_no_chunk_extension(gateway: Gateway) -> None:
    chunks = b"1000\r\n%b\r\n" % bytes(4096) * 250
    async with connect(gateway.grpc_port) as worker:
        await worker.hello(limits=pb.Limits(initial_window=1 << 30))
        client = await gateway.client()
        await client.send(chunk(chunks + b"0\r\n\r\n"))
        request = await worker.event("requests")
        assert (await worker.event("finishes")).id == request.id
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_64_kib_of_headers_pass(gateway: Gateway) -> None:
    fields = b"".join(b"x-%03d: %b\r\n" % (n, b"a" * 500) for n in range(120))
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(fields))
        request = await worker.event("requests")
        assert len(request.headers) > 240
        await worker.answer(request)
        assert (await client.response()).status == 200


async def test_p30_options_asterisk_is_about_the_gateway(gateway: Gateway) -> None:
    client = await gateway.client()
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204


async def test_p31_absolute_form_replaces_the_host(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"http://shop:81/p?q=1")
        request = await worker.event("requests")
        assert (request.target, request.authority) == (b"/p?q=1", b"shop:81")
        assert request.headers[:2] == [b"host", b"shop:81"]
        await worker.answer(request)
        assert (await client.response()).status == 200


QUICK = ConnectionLimits(
    head_seconds=0.1, body_seconds=0.1, write_seconds=0.2, keep_alive_seconds=0.1
)
LATE = [
    ("P41 head dribbled", b"GET / HT", 408),
    ("P42 nothing", b"", None),
    ("P44 body stalls", post(b"content-length: 5\r\n", b"ab"), 408),
    ("P44 large body stalls", post(b"content-length: 100000\r\n", b"ab"), 408),
    ("P44 chunked body stalls", post(b"transfer-encoding: chunked\r\n", b"2\r\nab\r\n"), 408),
]


@pytest.mark.parametrize(("data", "status"), [r[1:] for r in LATE], ids=[r[0] for r in LATE])
async def test_a_client_that_takes_too_long_is_sent_away(
    start: Start, data: bytes, status: int | None
) -> None:
    gateway = await start(guard=QUICK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(data)
        if status is None:
            assert await client.closed()
        else:
            assert (await client.response()).status == status
            assert await client.closed()
        if b"00000" in data or b"chunked" in data:
            assert (await worker.event("cancels")).id == 1


async def test_p43_a_byte_after_a_response_starts_a_new_deadline(start: Start) -> None:
    gateway = await start(guard=QUICK)
    client = await gateway.client()
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204
    await client.send(b"G")
    assert (await client.response()).status == 408


async def test_an_idle_connection_is_closed(start: Start) -> None:
    gateway = await start(guard=QUICK)
    client = await gateway.client()
    await client.get(b"*", method=b"OPTIONS")
    assert (await client.response()).status == 204
    assert await client.closed()


async def test_p70_a_reader_that_stands_still_is_ended_and_the_worker_told(start: Start) -> None:
    gateway = await start(guard=QUICK)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        client.stop_reading()
        await client.get(b"/")
        request = await worker.event("requests")
        await worker.stream(request, 64 * 1024 * 1024)
        assert (await worker.event("cancels")).id == request.id


async def test_p72_a_flood_of_requests_waits_in_the_kernel(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.get(b"/first")
        request = await worker.event("requests")
        flood = get(target=b"/more") * 1000
        await client.send(flood)
        assert len(gateway.core.exchanges) == 1
        await worker.answer(request)
        assert (await client.response()).status == 200
        for _ in range(1000):
            await worker.answer(await worker.event("requests"))
            assert (await client.response()).status == 200


async def test_p74_nothing_after_a_close_is_served(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(b"connection: close\r\n", b"/one") + get(target=b"/two"))
        await worker.answer(await worker.event("requests"))
        response = await client.response()
        assert (response.status, response.header(b"connection")) == (200, b"close")
        assert await client.closed()
        assert not worker.seen("requests")


async def test_p75_p76_an_upgrade_to_h2c_is_ignored_and_the_body_kept(gateway: Gateway) -> None:
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    bodies = (
        post(upgrade + b"content-length: 3\r\n", b"abc"),
        post(upgrade + b"transfer-encoding: chunked\r\n", b"3\r\nabc\r\n0\r\n\r\n"),
    )
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(upgrade))
        await worker.answer(await worker.event("requests"))
        assert (await client.response()).status == 200
        for data in bodies:
            await client.send(data)
            request = await worker.event("requests")
            body = request.body
            while not request.end and not worker.seen("finishes"):
                body += (await worker.event("data")).data
                await worker.event("finishes")
                break
            assert body == b"abc"
            await worker.answer(request)
            assert (await client.response()).status == 200


async def test_p79_continue_is_said_when_the_worker_wants_the_body(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(post(b"expect: 100-continue\r\ncontent-length: 2\r\n"))
        request = await worker.event("requests")
        assert (request.expect_continue, request.body, request.end) == (True, b"", False)
        await worker.send(windows=[pb.Window(id=request.id, max_offset=1000)])
        assert (await client.head()).status == 100
        await client.send(b"hi")
        assert (await worker.event("data")).data == b"hi"
        assert (await worker.event("finishes")).id == request.id
        await worker.answer(request)
        response = await client.response()
        assert (response.status, response.header(b"connection")) == (200, None)


async def test_an_answer_without_the_body_comes_without_a_continue(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(post(b"expect: 100-continue\r\ncontent-length: 2\r\n"))
        await worker.answer(await worker.event("requests"))
        response = await client.response()
        assert (response.status, response.header(b"connection")) == (200, b"close")
        assert await client.closed()


async def test_early_hints_come_before_the_response(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get())
        request = await worker.event("requests")
        hint = pb.ResponseHead(id=request.id, status=103, headers=[b"link", b"</a.css>"])
        await worker.send(heads=[hint])
        await worker.answer(request)
        early = await client.head()
        assert (early.status, early.headers) == (103, [(b"link", b"</a.css>")])
        assert (await client.response()).body == b"ok"


async def test_trailers_follow_a_chunked_body(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get())
        request = await worker.event("requests")
        await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"abc")])
        trailers = [b"X-Sum", b"1", b"content-length", b"3"]
        await worker.send(finishes=[pb.Finish(id=request.id, trailers=trailers)])
        assert (await client.head()).status == 200
        async with asyncio.timeout(20):
            rest = await client.reader.readuntil(b"1\r\n\r\n")
        assert rest == b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n"


async def test_p80_a_refusal_comes_without_a_continue(start: Start) -> None:
    gateway = await start(queue_requests=1)
    first, second = await gateway.client(), await gateway.client()
    await first.get(b"/")
    await second.send(post(b"expect: 100-continue\r\ncontent-length: 2\r\n"))
    assert (await second.response()).status == 503
    assert await second.closed()


async def test_p49_a_body_over_the_limit_is_refused_before_it_is_read(start: Start) -> None:
    gateway = await start(max_body=1000)
    client = await gateway.client()
    await client.send(post(b"expect: 100-continue\r\ncontent-length: 1001\r\n"))
    assert (await client.response()).status == 413
    assert await client.closed()


async def test_p63_a_chunked_body_that_grows_past_the_limit_is_refused(start: Start) -> None:
    gateway = await start(max_body=1000)
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(chunk(b"3e8\r\n%b\r\n" % bytes(1000)))
        request = await worker.event("requests")
        await client.send(b"1\r\na\r\n")
        assert (await client.response()).status == 413
        assert await client.closed()
        assert (await worker.event("cancels")).id == request.id


async def test_p87_an_early_answer_is_read_by_a_client_that_still_sends(start: Start) -> None:
    gateway = await start(queue_requests=1)
    first, second = await gateway.client(), await gateway.client()
    await first.get(b"/")
    await second.send(post(b"content-length: 20000000\r\n") + bytes(3_000_000))
    assert (await second.response()).status == 503


async def test_a_bad_request_does_not_overtake_the_one_before(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(target=b"/good") + b"G(T / HTTP/1.1\r\n\r\n")
        await worker.answer(await worker.event("requests"), body=b"good")
        assert (await client.response()).body == b"good"
        assert (await client.response()).status == 400
        assert await client.closed()


@pytest.mark.parametrize("version", [b"HTTP/1.0", b"HTTP/1.1"])
async def test_a_body_without_a_length_is_framed_as_the_client_can_read(
    gateway: Gateway, version: bytes
) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(version=version))
        request = await worker.event("requests")
        await worker.stream(request, 100_000, finish=True)
        if version == b"HTTP/1.1":
            assert len((await client.response()).body) == 100_000
        else:
            head = await client.head()
            assert head.header(b"transfer-encoding") is None
            assert len(await client.reader.read(-1)) == 100_000


async def test_an_old_client_can_tell_a_cut_from_an_end(gateway: Gateway) -> None:
    async with connect(gateway.grpc_port) as worker:
        await worker.hello()
        client = await gateway.client()
        await client.send(get(version=b"HTTP/1.0"))
        request = await worker.event("requests")
        await worker.stream(request, 10_000)
        await client.head()
        await worker.close()
        with pytest.raises(ConnectionError):
            await client.reader.read(-1)
