"""What an application gets of a request, and the client of its answer (RFC 9110, RFC 9112)."""

import asyncio
from pathlib import Path

import pytest
from scripted_app import Scripted, scripted

from prack_worker.exchange import AbortCode, CancelReason
from prack_worker.testing import FakeExchange

OK = b"HTTP/1.1 200 OK\r\n"
EMPTY = OK + b"content-length: 0\r\n\r\n"
HOST = (b"host", b"shop.example.com")
MIB = 1024 * 1024


async def head_of(application: Scripted, exchange: FakeExchange) -> bytes:
    """The bytes that the application gets before any body."""
    async with application.handling(exchange):
        talk = await application.taken()
        head = await talk.head()
        talk.say(EMPTY)
    return head


async def answered(application: Scripted, said: bytes, method: str = "GET") -> FakeExchange:
    """The exchange for which the application said this, and then closed its connection."""
    exchange = FakeExchange(method, headers=[HOST])
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(said)
        talk.close()
    return exchange


async def test_the_head_is_the_clients_byte_for_byte(application: Scripted) -> None:
    fields = [(b"x-b", b"2"), HOST, (b"x-a", b"caf\xe9 \xff"), (b"x-b", b"1"), (b"x-empty", b"")]
    exchange = FakeExchange("PROPFIND", b"/a%2Fb//../c?x=%zz&&y=?", fields)
    assert await head_of(application, exchange) == (
        b"PROPFIND /a%2Fb//../c?x=%zz&&y=? HTTP/1.1\r\nx-b: 2\r\nhost: shop.example.com\r\n"
        b"x-a: caf\xe9 \xff\r\nx-b: 1\r\nx-empty: \r\n\r\n"
    )


async def test_a_client_that_names_no_host_asks_for_the_application(application: Scripted) -> None:
    head = await head_of(application, FakeExchange())
    assert head == b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % application.upstream.address.authority()


async def test_an_application_on_a_unix_socket(tmp_path: Path) -> None:
    async with scripted(tmp_path / "app.sock") as application:
        head = await head_of(application, FakeExchange())
    assert head == b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "added"),
    [([], b"content-length: 4\r\n"), ([(b"content-length", b"4")], b"")],
)
async def test_a_body_that_is_here_has_a_length(
    application: Scripted, fields: list[tuple[bytes, bytes]], added: bytes
) -> None:
    exchange = FakeExchange("POST", headers=[HOST, *fields], body=b"body")
    async with application.handling(exchange):
        talk = await application.taken()
        sent = b"".join(b"%b: %b\r\n" % field for field in [HOST, *fields])
        assert await talk.head() == b"POST / HTTP/1.1\r\n" + sent + added + b"\r\n"
        assert await talk.body(4) == b"body"
        talk.say(EMPTY)


async def test_a_body_of_unknown_length_goes_in_chunks(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        assert (await talk.head()).endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n")
        exchange.body.feed(b"one")
        assert await talk.body(8) == b"3\r\none\r\n"
        exchange.body.feed(b"sixteen bytes...")
        assert await talk.body(22) == b"10\r\nsixteen bytes...\r\n"
        exchange.body.finish()
        assert await talk.body(5) == b"0\r\n\r\n"
        talk.say(EMPTY)


async def test_a_body_of_known_length_streams_as_it_is(application: Scripted) -> None:
    exchange = FakeExchange("PUT", headers=[HOST, (b"content-length", b"6")], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        assert (await talk.head()).endswith(b"\r\ncontent-length: 6\r\n\r\n")
        exchange.body.feed(b"one")
        assert await talk.body(3) == b"one"
        exchange.body.feed(b"two")
        exchange.body.finish()
        assert await talk.body(3) == b"two"
        talk.say(EMPTY)


async def test_the_answer_begins_before_the_body_ends(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(OK + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n")
        await exchange.sent.wait()
        exchange.body.feed(b"x")
        assert await talk.body(6) == b"1\r\nx\r\n"
        exchange.body.finish()
        talk.say(b"1\r\nb\r\n0\r\n\r\n")
    assert exchange.content == b"ab"


async def test_the_answer_is_what_the_application_said(application: Scripted) -> None:
    exchange = await answered(
        application,
        b"HTTP/1.1 299 Whatever\r\nX-A: 1\r\nSet-Cookie: a\r\nx-a: \xff\r\nSet-Cookie: b\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x00",
    )
    assert exchange.status == 299
    assert exchange.headers == [
        (b"X-A", b"1"),
        (b"Set-Cookie", b"a"),
        (b"x-a", b"\xff"),
        (b"Set-Cookie", b"b"),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", b"3"),
    ]
    assert exchange.content == b"\x1f\x8b\x00"


async def test_early_hints_go_on_and_a_lone_100_does_not(application: Scripted) -> None:
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    exchange = await answered(application, hint + interim + hint + EMPTY)
    assert exchange.hints == [(103, [(b"link", b"</a.css>")])] * 2
    assert exchange.status == 200


async def test_trailers_end_the_response(application: Scripted) -> None:
    said = OK + b"trailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n"
    exchange = await answered(application, said + b"2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n")
    assert exchange.content == b"ok"
    assert exchange.trailers == [(b"X-Sum", b"7")]


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("HEAD", OK + b"content-length: 5\r\n\r\n"),
        ("HEAD", OK + b"transfer-encoding: chunked\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
    ],
)
async def test_a_response_without_a_body_ends_with_its_head(
    application: Scripted, method: str, said: bytes
) -> None:
    exchange = FakeExchange(method, headers=[HOST])
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(said)  # and the connection stays open
    assert exchange.ended
    assert (exchange.aborted, exchange.content) == (None, b"")


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_may_end_with_the_connection(application: Scripted, version: bytes) -> None:
    exchange = await answered(application, b"HTTP/%b 200 OK\r\n\r\nall of it" % version)
    assert (exchange.content, exchange.aborted) == (b"all of it", None)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "it closed the connection before its response was complete"),
        (OK, "it closed the connection before its response was complete"),
        (OK + b"content-length: 9\r\n\r\nhalf", "it closed the connection before"),
        (OK + b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", "it closed the connection"),
        (b"HELLO\r\n\r\n", "its answer is no HTTP/1.1 response: "),
        (b"HTTP/1.1 101 X\r\nupgrade: x\r\n\r\n", "it changed the protocol (101)"),
        (OK + b"x-long: " + b"v" * MIB, "the head of its response is larger than 65536 bytes"),
    ],
)
async def test_an_answer_that_is_none_is_a_failure(
    application: Scripted, said: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = await answered(application, said)
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.HANDLER_ERROR
    assert why in exchange.aborted[1]
    assert f"The application failed on r1: {why}" in caplog.text


async def test_what_nobody_listens_for_is_given_back() -> None:
    async with scripted() as application:
        pass
    exchange = FakeExchange("POST", headers=[HOST], body=b"order")
    await application.app.handle(exchange)
    assert exchange.aborted is not None
    assert exchange.aborted[0] is AbortCode.REFUSED
    assert f"{application.upstream.address} takes no connection" in exchange.aborted[1]
    assert application.away == 1


async def test_a_client_that_waits_is_told_to_go_on_by_the_application(
    application: Scripted,
) -> None:
    exchange = FakeExchange("POST", headers=[HOST, (b"content-length", b"4")], body=None)
    exchange.body.waits = True
    async with application.handling(exchange):
        talk = await application.taken()
        assert (await talk.head()).endswith(b"\r\nexpect: 100-continue\r\n\r\n")
        exchange.body.feed(b"body")
        exchange.body.finish()
        talk.say(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await talk.body(4) == b"body"
        talk.say(EMPTY)


async def test_an_answer_instead_of_100_leaves_the_body_with_the_client(
    application: Scripted,
) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    exchange.body.waits = True
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        assert await talk.gone() == b""
    assert exchange.status == 413


async def test_an_application_that_knows_no_100_gets_the_body_after_a_second(
    application: Scripted,
) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    exchange.body.waits = True
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        exchange.body.feed(b"x")
        exchange.body.finish()
        assert await talk.body(11) == b"1\r\nx\r\n0\r\n\r\n"
        talk.say(EMPTY)


@pytest.mark.parametrize("said", [b"", OK + b"content-length: 9\r\n\r\nhalf"])
async def test_the_connection_is_closed_when_the_client_leaves(
    application: Scripted, said: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = FakeExchange(headers=[HOST])
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(said)
        if said:
            await exchange.sent.wait()
        exchange.cancel(CancelReason.CLIENT_GONE)
        assert await talk.gone() == b""
    assert not caplog.records


async def test_nothing_is_sent_for_a_client_that_has_left(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=b"order")
    async with application.handling(exchange):
        exchange.cancel(CancelReason.CLIENT_GONE)
        talk = await application.taken()
        assert await talk.gone() == b""


async def test_an_upload_that_breaks_off_is_cut(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST, (b"content-length", b"9")], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        exchange.body.feed(b"half")
        assert await talk.body(4) == b"half"
        exchange.cancel(CancelReason.REQUEST_CUT)
        assert await talk.gone() == b""


async def test_an_answer_before_the_body_ends_the_upload(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(EMPTY)
        assert await talk.gone() == b""  # half a request cannot be followed by another
    assert exchange.ended


async def test_a_client_that_reads_slowly_stops_the_application(application: Scripted) -> None:
    exchange = FakeExchange(headers=[HOST])
    exchange.gate.clear()
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        talk.say(OK + b"content-length: %d\r\n\r\n" % (64 * MIB))
        talk.say(bytes(64 * MIB))
        await exchange.sent.wait()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await talk.writer.drain()
        exchange.gate.set()
        await talk.writer.drain()
    assert len(exchange.content) == 64 * MIB


async def test_an_application_that_reads_slowly_stops_the_client(application: Scripted) -> None:
    exchange = FakeExchange("POST", headers=[HOST], body=None)
    async with application.handling(exchange):
        talk = await application.taken()
        await talk.head()
        for _ in range(64):
            exchange.body.feed(bytes(MIB))
            await asyncio.sleep(0)
        exchange.body.finish()
        left = exchange.body.complete()
        assert left is not None
        assert len(left) > 32 * MIB
        exchange.cancel(CancelReason.CLIENT_GONE)
