"""Three whole gateways: whose workers serve whose clients, and that nothing stays lent."""

from prack.v1 import worker_pb2 as pb
from tests.conftest import Gateway
from tests.peers.conftest import Several, broker
from tests.peers.waiting import until
from tests.support.client import RawClient
from tests.support.scripted_worker import ScriptedWorker, connect

INSTANCE = b"0123456789abcdef"


def all_is_back(*gateways: Gateway) -> bool:
    """Nothing is lent, wanted or under way."""
    links = [one for gateway in gateways for one in broker(gateway).links()]
    idle = not any(one.lent or one.borrowed or one.wanted or one.wants for one in links)
    return idle and not any(gateway.core.exchanges for gateway in gateways)


async def asking(gateway: Gateway, count: int) -> list[RawClient]:
    """So many clients with a request each."""
    clients = [await gateway.client() for _ in range(count)]
    for number, client in enumerate(clients):
        await client.get(b"/%d" % number)
    return clients


async def answer(worker: ScriptedWorker, count: int) -> None:
    """So many requests."""
    for _ in range(count):
        await worker.answer(await worker.event("requests"))


async def test_clients_of_one_are_served_by_the_workers_of_all(several: Several) -> None:
    here, there, elsewhere = await several(3)
    async with connect(there.grpc_port) as one, connect(elsewhere.grpc_port) as other:
        await one.hello("one", slots=2)
        await other.hello("other", slots=2)
        clients = await asking(here, 4)
        # Who has answered one would be given the next.
        held = [(worker, await worker.event("requests")) for worker in (one, one, other, other)]
        for worker, request in held:
            await worker.answer(request)
        assert [(await client.response()).status for client in clients] == [200] * 4
        await until(lambda: all_is_back(here, there, elsewhere))


async def test_own_workers_go_first_and_cost_no_message(several: Several) -> None:
    here, there = await several(2)
    async with connect(here.grpc_port) as own, connect(there.grpc_port) as other:
        await own.hello("own", slots=2)
        await other.hello("other", slots=2)
        clients = await asking(here, 2)
        await answer(own, 2)
        for client in clients:
            assert (await client.response()).status == 200
        assert not other.seen("requests")


async def test_a_slot_is_never_used_twice(several: Several) -> None:
    here, there = await several(2)
    async with connect(there.grpc_port) as worker:
        await worker.hello(slots=1)
        clients = await asking(here, 5) + await asking(there, 5)
        for _ in clients:
            request = await worker.event("requests")
            assert not worker.seen("requests")
            await worker.answer(request)
        assert [(await client.response()).status for client in clients] == [200] * 10
        await until(lambda: all_is_back(here, there))


async def test_a_worker_that_dials_another_gateway_is_replaced(several: Several) -> None:
    here, there = await several(2)
    async with connect(here.grpc_port) as older, connect(there.grpc_port) as newer:
        await older.hello("w1", instance=INSTANCE)
        await newer.hello("w1", instance=INSTANCE)
        error: pb.StreamError = await older.event("error")
        assert (error.code, error.retry) == ("replaced", True)
        assert error.message == "a newer stream of the same process is at another gateway"


async def test_another_process_of_the_same_name_is_not(several: Several) -> None:
    here, there = await several(2)
    async with connect(here.grpc_port) as one, connect(there.grpc_port) as other:
        await one.hello("w1", instance=INSTANCE)
        await other.hello("w1", instance=INSTANCE[::-1])
        clients = await asking(here, 1)
        await answer(one, 1)
        assert (await clients[0].response()).status == 200
