"""Nothing of a worker's stream that has ended waits for the garbage collector."""

from collections.abc import Awaitable, Callable

import pytest

from prack.v1 import worker_pb2 as pb
from prack_grpc.core.exchange.assignment import Assignment
from prack_grpc.stream import streams
from prack_grpc.stream.grpc.call import Call
from prack_grpc.stream.grpc.carrier import GrpcCarrier
from prack_grpc.stream.outbox import Outbox
from prack_grpc.stream.plain_carrier import PlainCarrier
from prack_grpc.stream.stream import Stream
from prack_wire.frames import Deframer
from tests.conftest import Gateway, Start
from tests.stream.conftest import Connect
from tests.support import plain_worker
from tests.support.collector import alive, frozen, gone, no_collector
from tests.support.scripted_worker import ScriptedWorker

__all__ = ["frozen", "no_collector"]
# Each of them is the same process, whose newer stream may come before the end of the older.
ONE = b"one"
PARTS = (Assignment, Call, Deframer, GrpcCarrier, Outbox, PlainCarrier, Stream)

End = Callable[[Gateway, ScriptedWorker], Awaitable[object]]


async def left(_: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)


async def left_early(_: Gateway, __: ScriptedWorker) -> None:
    pass


async def left_with_requests(gateway: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)
    client = await gateway.client()
    await client.post(b"body")
    await worker.event("requests")
    client.reset()


async def left_in_a_response(gateway: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)
    client = await gateway.client()
    await client.get()
    request = await worker.event("requests")
    await worker.send(heads=[pb.ResponseHead(id=request.id, status=200, body=b"a")])
    await client.head()
    client.reset()


async def drained(_: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)
    await goodbye(worker)


async def served(gateway: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)
    client = await gateway.client()
    await client.get()
    await worker.answer(await worker.event("requests"))
    await client.response()
    await client.close()
    await goodbye(worker)


async def goodbye(worker: ScriptedWorker) -> None:
    await worker.send(drain=pb.Drain())
    await worker.event("goaway")
    await worker.call.done_writing()
    await worker.end()


def wrong(first: bool, frame: pb.WorkerFrame | bytes) -> End:
    """The gateway ends it with an error, at the first frame or later."""

    async def run(_: Gateway, worker: ScriptedWorker) -> None:
        if not first:
            await worker.hello(instance=ONE)
        await worker.call.write(frame)
        await worker.event("error")
        await worker.end()

    return run


async def silent(_: Gateway, worker: ScriptedWorker) -> None:
    await worker.event("error")
    await worker.end()


async def replaced(gateway: Gateway, worker: ScriptedWorker) -> None:
    await worker.hello(instance=ONE)
    async with plain_worker.connect(gateway.api_port) as newer:
        await newer.hello(instance=ONE)
        await worker.event("error")
        await worker.end()


TOO_MANY = pb.WorkerFrame(finishes=[pb.Finish(id=1)] * 1000)
WAYS: dict[str, End] = {
    "left": left,
    "left before its hello": left_early,
    "left with requests": left_with_requests,
    "left in a response": left_in_a_response,
    "drained": drained,
    "served and drained": served,
    "no frame, first": wrong(True, b"\xff"),
    "no frame": wrong(False, b"\xff"),
    "no hello": wrong(True, pb.WorkerFrame(heartbeat=pb.Heartbeat())),
    "a bad hello": wrong(True, pb.WorkerFrame(hello=pb.Hello())),
    "a second hello": wrong(False, pb.WorkerFrame(hello=pb.Hello())),
    "too many events": wrong(False, TOO_MANY),
    "bad slots": wrong(False, pb.WorkerFrame(capacity=pb.Capacity())),
    "no word at all": silent,
    "replaced": replaced,
}


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_left(
    no_collector: None,
    start: Start,
    connect: Connect,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "HELLO_SECONDS", 0.1 if way == "no word at all" else 5.0)
    # Nobody tells a stream's heartbeat that the stream has ended: it looks for itself.
    gateway = await start(max_silence=3)
    before = alive(PARTS)
    for _ in range(3):
        async with connect(gateway) as worker:
            await WAYS[way](gateway, worker)
    await gone(PARTS, before)
