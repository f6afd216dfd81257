"""A broker that has peers."""

import asyncio

import pytest

from prack_grpc.broker.linked import LinkedBroker
from prack_grpc.broker.ticket import Ticket
from prack_grpc.core.errors import BadResponse, SlotGone
from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.offer import Offer
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.routes import Route
from tests.broker.scene import Receiver, joined, waiting, within
from tests.core.building import a_request


class Peer:
    """Implements `core.receivers.PeerReceiver`: remembers what it was told."""

    gateway = "0badcafe"

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []
        self.wanted = asyncio.Event()

    def offer(self, number: int, offer: Offer) -> None:
        self.told.append(("offer", number, offer))

    def gone(self, number: int) -> None:
        self.told.append(("gone", number))

    def lend(self, number: int, slots: int, returned: int) -> None:
        self.told.append(("lend", number, slots, returned))

    def recall(self, number: int, count: int) -> None:
        self.told.append(("recall", number, count))

    def released(self, id_: str) -> None:
        self.told.append(("released", id_))

    def want(self, number: int, count: int, oldest: float, urgency: int) -> None:
        self.told.append(("want", number, count, urgency))
        if len([one for one in self.told if one[0] == "want"]) == 2:
            self.wanted.set()

    def give_back(self, number: int, count: int) -> None:
        self.told.append(("give_back", number, count))

    def words(self) -> list[object]:
        """What it was told, without the details."""
        return [one[0] for one in self.told]


OFFER = Offer((Route(),), "", "", (Kind.HTTP,), 0)


def linked() -> tuple[LinkedBroker, Peer]:
    broker, peer = LinkedBroker(Limits()), Peer()
    broker.link(peer)
    return broker, peer


def a_ticket() -> Ticket:
    return Ticket(asyncio.get_running_loop(), "1")


async def test_a_peer_is_told_what_is_offered_and_lent() -> None:
    broker, peer = linked()
    joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    assert peer.told == [("offer", 1, OFFER), ("lend", 1, 1, 0)]
    broker.returned(peer, 1, 1)
    assert peer.told[2:] == [("lend", 1, 0, 1)]


async def test_a_hosted_request_is_answered_by_a_worker() -> None:
    broker, peer = linked()
    worker = joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    ticket = a_ticket()
    broker.host(peer, 1, ticket, a_request(method=b"POST"), b"body", True)
    (assignment,) = worker.handed
    assert await broker.collect(assignment) == b"body"
    broker.head(assignment, 200, [], b"ok", True)
    head = ticket.whole()
    assert head
    assert head.body == b"ok"
    broker.complete(ticket)
    assert broker.status().queue.accepted == 0


async def test_without_a_slot_nothing_is_hosted() -> None:
    broker, peer = linked()
    joined(broker)
    with pytest.raises(SlotGone):
        broker.host(peer, 1, a_ticket(), a_request(), b"", True)
    broker.shut_down()


async def test_a_hosted_request_that_is_left_releases_its_slot() -> None:
    broker, peer = linked()
    worker = joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    ticket = a_ticket()
    broker.host(peer, 1, ticket, a_request(), b"", True)
    broker.leave(ticket)
    assert "released" not in peer.words()
    broker.head(worker.handed[0], 200, [], b"", True)
    assert peer.told[-1] == ("released", ticket.id)


async def test_one_that_is_left_after_its_worker_has_answered_is_released_at_once() -> None:
    broker, peer = linked()
    worker = joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    ticket = a_ticket()
    broker.host(peer, 1, ticket, a_request(), b"", True)
    broker.head(worker.handed[0], 200, [], b"ok", True)
    broker.leave(ticket)
    assert peer.told[-1] == ("released", ticket.id)


async def test_a_guest_takes_what_waits() -> None:
    broker, peer = linked()
    guest = Receiver()
    broker.offered(peer, 7, OFFER, guest)
    ticket = broker.submit(a_request(), b"", True)
    assert peer.told == [("want", 7, 1, 3)]
    await within(peer.wanted.wait())  # it is asked again by a timer
    broker.lent(peer, 7, 1, 0)
    broker.head(guest.handed[0], 200, [], b"ok", True)
    assert ticket.whole()
    (row,) = broker.status().workers
    assert (row.worker, row.transport, row.slots) == ("via 0badcafe", "link", 1)
    broker.recall(peer, 7, 1)
    assert peer.told[-1] == ("give_back", 7, 1)
    broker.withdrawn(peer, 7)
    assert broker.status().workers == []


async def test_a_bad_response_of_a_guest_is_told_to_it() -> None:
    broker, peer = linked()
    guest = Receiver()
    broker.offered(peer, 7, OFFER, guest)
    broker.submit(a_request(), b"", True)
    broker.lent(peer, 7, 1, 0)
    with pytest.raises(BadResponse):
        broker.head(guest.handed[0], 200, [(b"content-length", b"tea")], b"", True)


async def test_what_a_peer_had_here_is_cancelled_when_it_goes() -> None:
    broker, peer = linked()
    worker = joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    broker.host(peer, 1, a_ticket(), a_request(), b"", True)
    (row,) = broker.links()
    assert (row.gateway, row.lent) == ("0badcafe", 1)
    broker.unlink(peer)
    assert len(worker.cancelled) == 1
    assert broker.links() == []


async def test_a_broker_that_stops_waits_for_what_it_has_lent() -> None:
    broker, peer = linked()
    joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    broker.begin_drain()
    assert peer.told[-1] == ("recall", 1, 1)
    async with waiting(broker.idle(10)):
        broker.returned(peer, 1, 1)


async def test_a_broker_that_is_replaced_has_back_what_it_has_lent() -> None:
    broker, peer = linked()
    joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    broker.overlap.leave(lambda _: None)
    assert peer.told[-1] == ("recall", 1, 1)
    async with waiting(broker.idle(10)):
        broker.returned(peer, 1, 1)


async def test_a_broker_that_was_idle_lends_nothing_more() -> None:
    broker, peer = linked()
    joined(broker)
    broker.begin_drain()
    await broker.idle(10)
    broker.wanted(peer, 1, 1, 5.0, 3)
    with pytest.raises(SlotGone):
        broker.host(peer, 1, a_ticket(), a_request(), b"", True)


async def test_a_broker_that_has_ended_has_no_slot_for_who_was_lent_one() -> None:
    broker, peer = linked()
    worker = joined(broker)
    broker.wanted(peer, 1, 1, 0.0, 3)
    broker.shut_down()
    assert peer.told[-1] == ("lend", 1, 0, 0)
    with pytest.raises(SlotGone):
        broker.host(peer, 1, a_ticket(), a_request(), b"", True)
    assert worker.handed == []
