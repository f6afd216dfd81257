"""Fields of a response on their way into a frame, which others share."""

from typing import Any

import pytest
from fake_gateway import FakeGateway
from serving import serving

from prack.v1 import worker_pb2 as pb
from prack_worker.errors import ResponseRefused
from prack_worker.exchange import Exchange
from prack_worker.stream.fields import flatten


def test_other_byte_strings_become_bytes() -> None:
    names: Any = b"One", bytearray(b"Two"), memoryview(b"Three")
    values: Any = memoryview(b"1"), b"2", bytearray(b"3")
    flat, size = flatten(zip(names, values, strict=True))
    assert (flat, size) == ([b"one", b"1", b"two", b"2", b"three", b"3"], 14)
    assert {type(part) for part in flat} == {bytes}


@pytest.mark.parametrize("field", [("x-count", b"1"), (b"x-count", "1"), (b"x-count", 1)])
def test_a_field_that_is_not_made_of_bytes_is_refused_by_name(field: Any) -> None:
    with pytest.raises(ResponseRefused, match=r"header field b?'x-count' is not made of bytes"):
        flatten([(b"x", b"1"), field])


@pytest.mark.parametrize(
    ("status", "value"), [(-1, b""), (200.0, b""), (1000, b""), ("200", b""), (200, "text")]
)
async def test_a_head_that_cannot_be_sent_costs_others_nothing(
    gateway: FakeGateway, caplog: pytest.LogCaptureFixture, status: Any, value: Any
) -> None:
    async def answer(exchange: Exchange) -> None:
        if exchange.request.id == 2:
            await exchange.send_head(status, [(b"x", value)], end=True)
        await exchange.send_head(200, [], b"ok", end=True)

    async with serving(gateway.transport(), answer):
        stream = await gateway.welcomed()
        await stream.send(
            requests=[
                pb.Request(id=number, request_id=f"r{number}", end=True, deadline_ms=60_000)
                for number in (1, 2, 3)
            ]
        )
        answered, aborted = set[int](), set[int]()
        while len(answered | aborted) < 3:
            frame = await stream.frame()
            assert frame is not None
            answered |= {head.id for head in frame.heads}
            aborted |= {abort.id for abort in frame.aborts}
    assert (answered, aborted) == ({1, 3}, {2})
    assert [record.getMessage()[:11] for record in caplog.records] == ["Request r2:"]
