"""Requests that are no messages, to every method of the gRPC port."""

import logging
from typing import Any

import grpc
import pytest

from tests.conftest import Start

NO_MESSAGE = b"\xff\xff\xff"
UNARY = ["/prack.v1.WorkerService/GetInfo", "/grpc.health.v1.Health/Check"]
WATCH = "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


async def call(channel: grpc.aio.Channel, method: str, request: bytes) -> Any:
    """The first answer to the first request."""
    if method in UNARY:
        return await channel.unary_unary(method, bytes, bytes)(request)
    if method == WATCH:
        return await channel.unary_stream(method, bytes, bytes)(request).read()
    return await channel.stream_stream(method, bytes, bytes)(iter([request])).read()


@pytest.mark.parametrize("method", [*UNARY, WATCH, REFLECT])
async def test_it_is_an_invalid_argument_and_a_line(
    start: Start, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = await start(reflection=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(channel, method, NO_MESSAGE)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not [one for one in caplog.records if one.levelno >= logging.ERROR]


async def test_what_is_a_message_is_served(start: Start) -> None:
    gateway = await start(reflection=True)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{gateway.grpc_port}") as channel:
        for method in (UNARY[1], WATCH):
            assert await call(channel, method, b"") == b"\x08\x01"
        assert b"prack.v1" in await call(channel, REFLECT, b"\x3a\x01*")
