"""The kit's carrier of gRPC."""

import asyncio

from prack_grpc.conformance.case import Terms
from prack_grpc.conformance.stream.gateway import Gateway
from prack_grpc.conformance.stream.grpc import listening
from tests.conformance.stream.carriers import dial


async def test_nothing_of_the_library_is_left_of_a_call_that_its_end_cut_off() -> None:
    before = asyncio.all_tasks()
    async with listening(gateway := Gateway(Terms(), 5.0), None) as url:
        call = await dial(url, "")
        await call.write(b"")
        await gateway.called.wait()
    assert [task for task in asyncio.all_tasks() - before if task.get_name() == "rpc_task"] == []
    await call.close()
