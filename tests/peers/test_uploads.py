"""Request bodies for a peer's workers that take them only in one piece: the owner has all first."""

import pytest

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.limits import KIB, MIB, Limits
from tests.broker.scene import failure, waiting, within
from tests.core.building import a_request
from tests.peers.carriers import turns
from tests.peers.test_guest import Owner

SIZE = 2 * MIB  # more than is read ahead for others


def post(owner: Owner, body: bytes = b"", end: bool = False) -> Ticket:
    """A client begins to send a body."""
    return owner.broker.submit(a_request(method=b"POST", body_length=-1), body, end)


def wanted(owner: Owner) -> int:
    """How many slots, as the peer was told last."""
    wants = [one.want for one in owner.wire.sent if one.HasField("want")]
    return wants[-1].count if wants else 0


@pytest.fixture
async def owner() -> Owner:
    return Owner(whole=True)


async def test_a_body_is_sent_when_all_of_it_is_here(owner: Owner) -> None:
    ticket = post(owner)
    owner.lend(1)
    await within(owner.broker.upload(ticket, bytes(SIZE), False))
    await owner.handed(0)
    await within(owner.broker.upload(ticket, b"", True))
    await owner.handed(1)


async def test_no_slot_is_wanted_before_that(owner: Owner) -> None:
    ticket = post(owner)
    await turns()
    assert wanted(owner) == 0
    await within(owner.broker.upload(ticket, b"whole", True))
    assert wanted(owner) == 1


async def test_it_holds_up_no_other_request(owner: Owner) -> None:
    post(owner)
    owner.lend(1)
    owner.submit()
    (message,) = await owner.handed()
    assert message.method == b"GET"


async def test_streams_of_a_peer_get_it_as_it_comes(owner: Owner) -> None:
    post(owner)
    owner.offer(2)
    owner.submit(b"PUT")
    assert wanted(owner) == 1
    owner.lend(1, number=2)
    owner.lend(1)
    methods = {message.method for message in await owner.handed(2)}
    assert methods == {b"POST", b"PUT"}


async def test_all_of_it_is_read_as_soon_as_such_workers_come() -> None:
    owner = Owner()
    ticket = post(owner)
    async with waiting(owner.broker.upload(ticket, bytes(SIZE), True)):
        owner.offer(2, whole=True)
    assert wanted(owner) == 1


async def test_what_a_poll_did_not_wait_for_is_sent_again(owner: Owner) -> None:
    owner.lend(1)
    post(owner, bytes(SIZE), True)
    for id_ in range(1, 6):
        await owner.handed(id_)
        window = pb.Window(id=id_, max_offset=SIZE)
        owner.answer(windows=[window])
        await turns(50)
        owner.fail(id_, link.FAILURE_CODE_GONE)
    assert (await owner.handed(6))[-1].attempt == 1


async def test_what_a_stream_has_not_taken_is_sent_again() -> None:
    owner, window = Owner(), Limits().window
    owner.lend(1)
    post(owner, bytes(SIZE), False)
    await owner.handed(1)
    owner.answer(windows=[pb.Window(id=1, max_offset=2 * window)])
    await turns(50)
    owner.fail(1, link.FAILURE_CODE_GONE)
    await owner.handed(2)


async def test_a_body_that_is_larger_than_they_take_is_413(owner: Owner) -> None:
    ticket = post(owner)
    await within(owner.broker.upload(ticket, bytes(Limits().rest_body + 1), False))
    assert await failure(ticket.head()) == "body_too_large"


async def test_a_body_waits_while_others_take_up_the_room() -> None:
    owner = Owner(whole=True, queue_bytes=4 * SIZE)
    first, second = post(owner), post(owner)
    await within(owner.broker.upload(first, bytes(SIZE + KIB), False))
    async with waiting(owner.broker.upload(second, bytes(SIZE + MIB), True)):
        owner.broker.leave(first)
    assert wanted(owner) == 1
