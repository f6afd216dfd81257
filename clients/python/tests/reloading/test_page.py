"""What clients get while the application does not run."""

from collections.abc import AsyncIterator

import pytest
from fake_gateway import PlainGateway, Stream
from serving import running

from prack.v1 import worker_pb2 as pb
from prack_worker.reloading.page import FailurePage

TEXT = 'Traceback\n  File "main.py", line 1\n    "<script>alert(1)</script>" &\u2026\ud800'


@pytest.fixture
async def stream() -> AsyncIterator[Stream]:
    """The stream of a worker that shows the page."""
    async with PlainGateway.running() as gateway:
        async with running(FailurePage("main:<app>", TEXT), gateway.transport()):
            yield await gateway.welcomed()


async def answer(stream: Stream, *headers: bytes, **fields: bytes) -> pb.ResponseHead:
    """The answer to a request with these names and values."""
    await stream.request(headers=headers, **fields)
    frame = await stream.frame()
    assert frame is not None
    return frame.heads[0]


async def test_a_browser_gets_a_page_that_can_do_nothing(stream: Stream) -> None:
    head = await answer(stream, b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")
    headers = dict(zip(head.headers[::2], head.headers[1::2], strict=True))
    assert head.status == 500
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"content-security-policy"].startswith(b"default-src 'none'; style-src 'sha256-")
    assert b"unsafe" not in headers[b"content-security-policy"]
    assert b"<script" not in head.body
    assert b"<h1>main:&lt;app&gt; does not run</h1>" in head.body
    assert b"&lt;script&gt;alert(1)&lt;/script&gt;&quot; &amp;\xe2\x80\xa6?" in head.body


@pytest.mark.parametrize("headers", [(), (b"accept", b"*/*"), (b"accept", b"application/json")])
async def test_others_get_text(stream: Stream, headers: tuple[bytes, ...]) -> None:
    head = await answer(stream, *headers, method=b"POST", body=b"{}")
    assert head.status == 500
    assert b"text/plain; charset=utf-8" in head.headers
    assert head.body.startswith(b"main:<app> does not run\n\nTraceback\n")
    assert b"<script>alert(1)</script>" in head.body


async def test_websockets_wait_for_the_application() -> None:
    async with PlainGateway.running() as gateway:
        async with running(FailurePage("main:app", TEXT), gateway.transport()):
            assert "websocket" not in (await gateway.stream()).hello.features
