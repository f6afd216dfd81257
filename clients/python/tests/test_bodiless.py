"""Responses that have no body, whatever the application sends (RFC 9110, section 6.4.1)."""

import asyncio
from typing import Any

import pytest
from fake_gateway import FakeGateway
from fake_rest import FakeRest, entry
from serving import Handler, serving

from prack.v1 import worker_pb2 as pb
from prack_worker.exchange import Exchange

BODILESS = pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 205), ("GET", 304)]
)
LENGTH = (b"content-length", b"5")


def whole(status: int) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(status, [LENGTH], b"hello", end=True)

    return handler


def in_pieces(status: int) -> Handler:
    async def handler(exchange: Exchange) -> None:
        await exchange.send_head(status, [LENGTH], b"he")
        for _ in range(10):
            await asyncio.sleep(0)  # the head has left
            await exchange.send_body(b"x" * 1024 * 1024)
        await exchange.send_body(b"llo", end=True)

    return handler


@BODILESS
async def test_in_one_event(gateway: FakeGateway, method: str, status: int) -> None:
    async with serving(gateway.transport(), whole(status)):
        stream = await gateway.welcomed()
        number = await stream.request(method=method.encode())
        head = pb.ResponseHead(id=number, status=status, headers=LENGTH, end=True)
        assert await stream.frame() == pb.WorkerFrame(heads=[head])


@BODILESS
async def test_in_pieces(gateway: FakeGateway, method: str, status: int) -> None:
    async with serving(gateway.transport(), in_pieces(status)):
        stream = await gateway.welcomed()
        number = await stream.request(method=method.encode())
        head = await stream.frame()
        assert head == pb.WorkerFrame(
            heads=[pb.ResponseHead(id=number, status=status, headers=LENGTH)]
        )
        assert await stream.frame() == pb.WorkerFrame(finishes=[pb.Finish(id=number)])


@BODILESS
@pytest.mark.parametrize("answer", [whole, in_pieces])
async def test_over_rest(rest: FakeRest, method: str, status: int, answer: Any) -> None:
    async with serving(rest.transport(), answer(status)):
        (await rest.poll()).answer(requests=[entry("a", REQUEST_METHOD=method)])
        assert (await rest.post()).accept() == [
            {
                "identifier": "a",
                "code": status,
                "headers": [["content-length", "5"]],
                "body": "",
            }
        ]


async def test_others_have_theirs(gateway: FakeGateway) -> None:
    async with serving(gateway.transport(), whole(200)):
        stream = await gateway.welcomed()
        await stream.request(method=b"GET")
        frame = await stream.frame()
        assert frame is not None
        assert frame.heads[0].body == b"hello"
