"""The owner's end: what a host says of requests that it was sent, message by message."""

import asyncio
from typing import Any

import pytest

from prack.link.v1 import link_pb2 as link
from prack.v1 import worker_pb2 as pb
from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Identifiers, Ticket
from prack_grpc.core.http.message import Kind
from prack_grpc.core.limits import Limits
from prack_grpc.peers.peer import Here, Peer
from tests.broker.scene import failure, within
from tests.core.building import a_request
from tests.peers.carriers import Wire, turns

Message = link.LinkMessage
BODY = bytes(range(250)) * 800  # more than goes with its request


class Owner:
    """A gateway whose only workers are those of a peer, which a test plays."""

    def __init__(self, whole: bool = False, **limits: Any) -> None:
        self.wire = Wire()
        self.broker = LinkedBroker(Limits(**limits))
        name = Identifiers().next
        here = Here("0000000a", self.broker, Limits(**limits), name, {}, lambda *_: None)
        self.peer = Peer(self.wire, here, lambda: None)
        self.hear(hello=link.LinkHello(gateway_id="0000000b", minor_min=1, minor_max=1))
        self.offer(1, whole)

    def hear(self, **message: Any) -> None:
        """The host says this."""
        self.peer.received(Message(**message).SerializeToString())

    def offer(self, number: int, whole: bool = False) -> None:
        """Workers of the peer are here."""
        kinds = map(link.Kind.ValueType, (0, 1, 2))
        self.hear(offer=link.Offer(number=number, routes=[pb.Route()], kinds=kinds, whole=whole))

    def lend(self, slots: int, returned: int = 0, number: int = 1) -> None:
        """So many slots are lent."""
        self.hear(lent=link.Lent(number=number, slots=slots, returned=returned))

    def answer(self, **frame: Any) -> None:
        """The host's worker says this."""
        self.hear(to_owner=link.ToOwner(number=1, frame=pb.WorkerFrame(**frame)))

    def fail(self, id_: int, code: link.FailureCode.ValueType) -> None:
        """The host says that it is over."""
        failed = link.Failure(id=id_, code=code, message="for a test")
        self.hear(to_owner=link.ToOwner(number=1, failures=[failed]))

    async def handed(self, count: int = 1) -> list[pb.Request]:
        """The requests that the host was sent so far."""
        await turns()
        sent = [one.to_host for one in self.wire.sent if one.HasField("to_host")]
        found = [one for part in sent for one in part.frame.requests]
        assert len(found) == count
        return found

    def bodies(self) -> list[bytes]:
        """Pieces of request bodies that the host was sent so far."""
        sent = [one.to_host for one in self.wire.sent if one.HasField("to_host")]
        return [one.data for part in sent for one in part.frame.data]

    def submit(self, method: bytes = b"GET") -> Ticket:
        """A client asks."""
        return self.broker.submit(a_request(method=method), b"", True)


@pytest.fixture
async def owner() -> Owner:
    return Owner()


async def test_nothing_is_sent_before_a_slot_is_lent(owner: Owner) -> None:
    ticket = owner.submit(b"POST")
    assert not await owner.handed(0)
    (want,) = [one.want for one in owner.wire.sent if one.HasField("want")]
    assert (want.number, want.count) == (1, 1)
    owner.lend(1)
    (request,) = await owner.handed()
    assert (request.request_id, request.attempt) == (ticket.id, 1)
    owner.answer(heads=[pb.ResponseHead(id=1, status=200, body=b"ok", end=True)])
    assert (await within(ticket.head())).body == b"ok"


async def test_a_slot_that_was_gone_does_not_count(owner: Owner) -> None:
    owner.lend(1)
    ticket = owner.submit(b"POST")
    for id_ in range(1, 9):
        requests = await owner.handed(id_)
        assert requests[-1].attempt == 1
        owner.fail(id_, link.FAILURE_CODE_GONE)
    await owner.handed(9)
    owner.answer(heads=[pb.ResponseHead(id=9, status=200, end=True)])
    assert (await within(ticket.head())).status == 200


@pytest.mark.parametrize("code", [link.FAILURE_CODE_LOST, link.FAILURE_CODE_UNSPECIFIED])
async def test_a_lost_worker_costs_a_post_and_repeats_a_get(
    owner: Owner, code: link.FailureCode.ValueType
) -> None:
    get, post = owner.submit(b"GET"), owner.submit(b"POST")
    owner.lend(2)
    await owner.handed(2)
    for id_ in (1, 2):
        owner.fail(id_, code)
    assert await failure(post.head()) == "worker_lost"
    again = (await owner.handed(3))[-1]
    assert (again.request_id, again.attempt) == (get.id, 2)


async def test_a_bad_response_is_the_workers(owner: Owner) -> None:
    owner.lend(1)
    ticket = owner.submit()
    await owner.handed()
    owner.fail(1, link.FAILURE_CODE_BAD_RESPONSE)
    assert await failure(ticket.head()) == "bad_worker_response"
    owner.submit()
    await owner.handed(2)


@pytest.mark.parametrize("code", link.FailureCode.values())
async def test_whatever_becomes_of_what_was_cancelled_frees_its_slot(
    owner: Owner, code: link.FailureCode.ValueType
) -> None:
    owner.lend(1)
    ticket = owner.submit()
    await owner.handed()
    owner.broker.leave(ticket)
    owner.submit()
    await owner.handed(1)
    owner.fail(1, code)
    await owner.handed(2)


async def test_the_end_of_the_link_is_the_end_of_its_workers(owner: Owner) -> None:
    sent = owner.submit(b"POST")
    owner.lend(1)
    await owner.handed()
    owner.lend(2)
    unsent = owner.submit(b"POST")
    owner.peer.ended("for a test")
    assert await failure(sent.head()) == "worker_lost"
    waiting = asyncio.create_task(unsent.head())
    await turns()
    assert not waiting.done(), "it was never started, and waits for another worker"
    owner.broker.leave(unsent)
    await asyncio.wait((waiting,))
    waiting.exception()


async def test_a_guest_that_is_withdrawn_finishes_what_it_holds(owner: Owner) -> None:
    owner.lend(1)
    ticket = owner.submit()
    await owner.handed()
    owner.hear(offer_gone=link.OfferGone(number=1))
    owner.submit()
    await owner.handed(1)
    owner.answer(heads=[pb.ResponseHead(id=1, status=200, body=b"late", end=True)])
    assert (await within(ticket.head())).body == b"late"


async def test_what_no_worker_is_told_goes_beside_the_frame(owner: Owner) -> None:
    request = a_request(kind=Kind.WEBSOCKET)
    request.x_request_id = "its own word"
    owner.broker.submit(request, b"", False)
    owner.submit()
    owner.lend(2)
    await owner.handed(2)
    (sent,) = [one.to_host for one in owner.wire.sent if one.HasField("to_host")]
    found = [(one.id, one.kind, one.x_request_id) for one in sent.particulars]
    assert found[0][1:] == (link.KIND_WEBSOCKET, "its own word")


async def test_a_window_that_is_exceeded_ends_the_link(owner: Owner) -> None:
    owner.lend(1)
    owner.submit()
    await owner.handed()
    owner.answer(heads=[pb.ResponseHead(id=1, status=200)])
    for _ in range(Limits().window // (64 * 1024)):
        owner.answer(data=[pb.Data(id=1, data=bytes(64 * 1024))])
    assert not owner.wire.reasons
    owner.answer(data=[pb.Data(id=1, data=b"x")])
    assert owner.wire.reasons[0].startswith("window_exceeded")


async def test_bodies_wait_for_room_and_then_requests_with_them(owner: Owner) -> None:
    owner.lend(2)
    owner.wire.fill()
    owner.broker.submit(a_request(method=b"POST", body_length=len(BODY)), BODY, True)
    (request,) = await owner.handed()
    assert request.body == BODY[: len(request.body)]
    assert not request.end
    owner.submit()
    await owner.handed(1)
    assert not owner.bodies()
    owner.wire.drain()
    await owner.handed(2)
    assert request.body + b"".join(owner.bodies()) == BODY
