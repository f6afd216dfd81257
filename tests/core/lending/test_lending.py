"""What gateways lend each other, step by step."""

from collections import Counter
from typing import Any

import pytest

from prack_grpc.core.effects import Effects
from prack_grpc.core.errors import BadRoute
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.http.message import Kind
from prack_grpc.core.lending.borrower import WIDEN
from prack_grpc.core.lending.lender import TOGETHER
from prack_grpc.core.lending.lending import Lending
from prack_grpc.core.lending.loan import TOLERANCE
from prack_grpc.core.receivers import PeerReceiver
from tests.core.lending.mesh import Mesh
from tests.core.lending.two import Two


def test_a_request_goes_where_a_slot_is_free() -> None:
    two = Two()
    exchange, lease = two.relayed()
    assert lease.assignment.request.target == exchange.request.target
    two.host.answer(lease)
    assert two.owner.owed
    two.mesh.deliver_all()
    assert not two.owner.owed
    two.mesh.check()


def test_a_slot_that_was_used_is_kept_and_used_again_without_a_word() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.answer(lease)
    two.mesh.deliver_all()
    sent = two.to_owner.sent
    _, lease = two.relayed()
    assert two.to_owner.sent == sent
    assert two.guest.slots == len(two.guest.held) == 1


@pytest.mark.parametrize("about", [{}, {"version": "v2"}, {"acknowledges": False}])
def test_a_worker_that_comes_later_has_its_part_though_others_slots_are_kept(
    about: dict[str, Any],
) -> None:
    two = Two(4)
    late: Session | None = None
    served = Counter[Session]()
    for _ in range(10):
        _, lease = two.relayed()
        served[lease.session] += 1
        if late is None or late.draining:
            late = two.mesh.join(two.host, 1, **about)
        two.host.answer(lease)
        two.mesh.deliver_all()
        two.mesh.check()
    assert served[two.worker] == 6
    two.mesh.quiet(1.2)
    assert not any(session.reserved for session in two.host.sessions)


def test_a_local_request_takes_a_free_slot_at_once() -> None:
    two = Two()
    two.mesh.submit(two.host)
    assert len(two.host.leases) == 1
    assert not any(two.mesh.ways.values())


def test_own_workers_go_before_guests_of_a_tier() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.answer(lease)
    two.mesh.deliver_all()
    own = two.mesh.join(two.owner, 1)
    two.mesh.submit(two.owner)
    assert own.held
    assert not two.guest.held


def test_a_peer_that_waited_longer_gets_the_next_slot() -> None:
    two = Two()
    two.mesh.submit(two.host)
    (first,) = two.host.leases
    two.mesh.submit(two.owner)
    two.mesh.deliver_all()
    two.mesh.clock.now += 1.5 * TOLERANCE
    two.mesh.submit(two.host)
    two.host.answer(first)
    two.mesh.deliver_all()
    (lease,) = two.host.leases
    assert lease.exchange.loan


def test_among_requests_of_the_same_age_own_ones_go_first() -> None:
    two = Two()
    two.mesh.submit(two.host)
    (first,) = two.host.leases
    two.mesh.submit(two.owner)
    two.mesh.deliver_all()
    two.mesh.clock.now += TOLERANCE / 2
    two.mesh.submit(two.host)
    two.host.answer(first)
    (lease,) = two.host.leases
    assert lease.exchange.loan is None


def test_what_is_more_urgent_goes_first_wherever_it_waits() -> None:
    two = Two()
    two.mesh.submit(two.host)
    (first,) = two.host.leases
    two.mesh.clock.now += 0.5
    two.mesh.submit(two.host)
    two.mesh.submit(two.owner, priority=1)
    two.mesh.deliver_all()
    two.host.answer(first)
    two.mesh.deliver_all()
    (lease,) = two.host.leases
    assert lease.exchange.loan


def test_who_waits_here_longer_ends_a_loan() -> None:
    two = Two()
    _, lease = two.relayed()
    mine = two.mesh.submit(two.host)
    two.host.answer(lease)
    two.mesh.deliver_all()
    assert mine.lease
    assert two.guest.slots == 0


def test_what_is_idle_elsewhere_is_recalled_for_own_requests() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.answer(lease)
    two.mesh.deliver_all()
    mine = two.mesh.submit(two.host)
    assert mine.lease is None
    two.mesh.deliver_all()
    assert mine.lease


def test_a_slot_that_was_used_just_when_it_is_recalled_is_found_elsewhere() -> None:
    mesh = Mesh(3, HandOut, Lending)
    *owners, host = mesh.gateways
    mesh.join(host, 2)
    for owner in owners:
        mesh.deliver_all()
        mesh.submit(owner)
    mesh.deliver_all()
    for lease in host.leases:
        host.answer(lease)
    mesh.deliver_all()
    mine = mesh.submit(host)  # this recalls the first that was lent
    mesh.submit(owners[0])
    mesh.deliver_all()
    assert mine.lease


def test_the_last_slots_go_back_after_a_second() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.answer(lease)
    two.mesh.quiet(0.9)
    assert two.worker.reserved == 1
    two.mesh.quiet(0.4)
    assert two.worker.reserved == 0


class Hasty(Lending):
    """Uses what it has given back until that is counted."""

    def lent(
        self, peer: PeerReceiver, number: int, slots: int, returned: int, now: float
    ) -> Effects:
        if guest := self.borrower.guests.get((peer, number)):
            guest.given = returned
        return super().lent(peer, number, slots, returned, now)


def test_what_was_given_back_is_not_used_while_it_is_on_its_way() -> None:
    """The host lends a second slot before it hears that the first is given back."""
    refused = {}
    for lending in (Lending, Hasty):
        two = Two(2, lending)
        mesh, owner, host = two.mesh, two.owner, two.host
        _, lease = two.relayed()
        mesh.submit(host)
        local = next(one for one in host.leases if one is not lease)
        waiting = mesh.submit(owner)
        mesh.deliver_all()
        del owner.owed[waiting.id]
        owner.perform(owner.core.leave(waiting, owner.now()))
        host.answer(lease)
        mesh.deliver(two.to_owner)
        for _ in range(2):
            mesh.pass_time(0.6)  # what the owner has said is on its way
        host.answer(local)
        while mesh.ways[two.to_owner]:
            mesh.deliver(two.to_owner)
        mesh.submit(owner)
        mesh.submit(owner)
        mesh.deliver_all()
        refused[lending] = two.to_owner.refused
    assert refused == {Lending: 0, Hasty: 1}


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_what_a_worker_gives_back_waits_again_at_its_owner(method: bytes) -> None:
    two = Two()
    exchange, lease = two.relayed(method)
    two.host.perform(two.host.core.abort(lease, AbortCode.REFUSED, "", two.host.now()))
    two.mesh.started.clear()
    two.mesh.deliver_all()
    assert exchange.attempt == 2
    assert exchange.lease


@pytest.mark.parametrize(("method", "again"), [(b"GET", True), (b"POST", False)])
def test_the_owner_decides_what_becomes_of_a_lost_worker(method: bytes, again: bool) -> None:
    two = Two()
    exchange, _ = two.relayed(method)
    two.host.perform(two.host.core.lose(two.worker, two.host.now()))
    two.mesh.quiet()
    assert (exchange.id in two.owner.owed) is again
    two.mesh.check()


def test_a_slot_of_a_cancelled_exchange_is_free_when_its_worker_says_so() -> None:
    two = Two()
    exchange, lease = two.relayed()
    del two.owner.owed[exchange.id]
    two.owner.perform(two.owner.core.leave(exchange, two.owner.now()))
    two.mesh.deliver_all()
    assert lease.cancelled
    assert two.guest.held
    two.host.answer(lease)
    two.mesh.deliver_all()
    assert not two.guest.held
    two.mesh.check()


def test_a_peer_that_goes_takes_its_requests_and_its_workers_with_it() -> None:
    two = Two()
    kept, lease = two.relayed()
    two.mesh.cut((two.owner, two.host))
    assert lease.cancelled
    assert kept.lease is None
    assert not two.owner.guests
    assert two.worker.reserved == 0
    two.mesh.check()


def test_a_gateway_that_stops_has_everything_back_first() -> None:
    two = Two(2)
    two.relayed()
    two.mesh.submit(two.owner)
    two.mesh.quiet()
    first, second = two.host.leases
    two.host.answer(first)
    two.mesh.deliver_all()
    two.host.core.begin_drain()
    two.host.perform(two.host.lending.drain(two.host.now()))
    assert not two.stopped
    two.mesh.deliver_all()
    two.host.answer(second)
    two.mesh.deliver_all()
    two.mesh.pass_time(TOGETHER)
    assert two.stopped
    assert two.guest.slots == 0


def test_gateways_that_stop_together_serve_what_waits() -> None:
    two = Two()
    two.mesh.submit(two.host)
    waiting = two.mesh.submit(two.owner)
    for gateway in (two.host, two.owner):
        gateway.core.begin_drain()
        gateway.perform(gateway.lending.drain(gateway.now()))
    two.mesh.deliver_all()
    assert not two.stopped
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert waiting.lease


def test_a_gateway_that_stops_hears_what_waits_at_another_that_stops() -> None:
    """The first of a burst is asked for at once, and the others with the next word."""
    two = Two(3)
    for _ in range(3):
        two.mesh.submit(two.owner)
    for gateway in (two.host, two.owner):
        gateway.core.begin_drain()
        gateway.perform(gateway.lending.drain(gateway.now()))
    two.mesh.deliver_all()
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert not two.stopped
    two.mesh.pass_time(0.006)
    two.mesh.deliver_all()
    assert len(two.host.leases) == 2


def test_who_has_nobody_to_stop_with_stops_at_once() -> None:
    two = Two()
    two.owner.core.begin_drain()
    two.owner.perform(two.owner.lending.drain(two.owner.now()))
    assert two.owner.lending.is_idle(two.owner.now())
    two.host.core.begin_drain()
    two.host.perform(two.host.lending.drain(two.host.now()))
    assert not two.stopped
    two.mesh.cut((two.owner, two.host))
    assert two.stopped


def test_a_gateway_that_stops_serves_nothing_that_comes_later() -> None:
    two = Two()
    two.host.core.begin_drain()
    two.host.perform(two.host.lending.drain(two.host.now()))
    two.mesh.clock.now += 2
    waiting = two.mesh.submit(two.owner)
    two.mesh.quiet()
    assert waiting.lease is None
    assert two.stopped


def test_what_waits_at_a_gateway_that_stops_goes_on_borrowing() -> None:
    two = Two()
    two.mesh.submit(two.host)
    waiting = two.mesh.submit(two.owner)
    two.owner.core.begin_drain()
    two.owner.perform(two.owner.lending.drain(two.owner.now()))
    two.mesh.deliver_all()
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert waiting.lease


def test_slots_for_websockets_alone_are_an_offer_of_their_own() -> None:
    two = Two(1, kinds=(Kind.HTTP, Kind.WEBSOCKET), websocket_slots=2)
    assert sorted(guest.profile.kinds for guest in two.owner.guests) == [
        (Kind.HTTP,),
        (Kind.WEBSOCKET,),
    ]
    for _ in range(2):
        two.mesh.submit(two.owner, kind=Kind.WEBSOCKET)
    two.mesh.quiet()
    assert two.worker.sockets == 2
    assert two.worker.free
    two.relayed()
    assert not two.worker.free


def test_a_worker_that_gives_up_its_slots_for_websockets_is_offered_anew() -> None:
    two = Two(1, kinds=(Kind.HTTP, Kind.WEBSOCKET), websocket_slots=2)
    two.mesh.submit(two.owner, kind=Kind.WEBSOCKET)
    two.mesh.quiet()
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert two.worker.reserved_sockets
    two.host.perform(two.host.core.resize(two.worker, 1, two.host.now()))
    two.mesh.deliver_all()
    assert (two.worker.reserved, two.worker.reserved_sockets) == (0, 0)
    assert two.guest.profile.kinds == (Kind.HTTP, Kind.WEBSOCKET)


def test_an_idle_slot_that_another_gateway_has_is_lent_no_more() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.answer(lease)
    two.mesh.deliver_all()
    assert two.worker.reserved == two.guest.slots == 1
    two.worker.elsewhere = two.worker.slots, 0
    two.host.core.queue.update(two.worker)
    two.host.perform([])
    two.mesh.deliver_all()
    assert two.worker.reserved == two.guest.slots == 0


def test_workers_that_leave_are_forgotten_elsewhere_with_their_last_answer() -> None:
    two = Two()
    _, lease = two.relayed()
    two.host.perform(two.host.core.drain(two.worker, two.host.now()))
    two.mesh.deliver_all()
    assert two.guest.draining
    two.host.answer(lease)
    two.mesh.deliver_all()
    assert not two.owner.guests


def test_an_offer_of_polls_outlives_them_for_a_while() -> None:
    two = Two(1, acknowledges=False)
    two.host.perform(two.host.core.lose(two.worker, two.host.now()))
    two.mesh.quiet()
    assert two.owner.guests
    two.mesh.quiet(0.5)
    assert not two.owner.guests


def test_guests_count_for_no_limit_of_workers_but_for_that_of_routes() -> None:
    two = Two()
    lending, peer = two.owner.lending, two.mesh.links[two.owner, two.host][0]
    (offer,) = (stock.offer for stock in two.host.steps.lender.stocks.all.values())
    far_too_many = type(offer)(offer.routes * 65, "", "", offer.kinds, 0)
    with pytest.raises(BadRoute):
        lending.offered(peer, 9, far_too_many, two.guest.receiver, two.owner.now())
    assert lending.lent(peer, 9, 1, 0, two.owner.now()) == []


def test_who_is_linked_sees_what_is_lent() -> None:
    two = Two()
    two.relayed()
    two.mesh.submit(two.owner)
    two.mesh.quiet()
    (here,), (there,) = two.owner.lending.status(), two.host.lending.status()
    assert (here.gateway, here.borrowed, here.wants) == (two.host.name, 1, 1)
    assert (there.gateway, there.lent, there.wanted) == (two.owner.name, 1, 1)


def test_a_host_hears_that_nothing_waits_though_it_is_time_to_ask_again() -> None:
    two = Two()
    two.relayed()
    waits = two.mesh.submit(two.owner)
    two.mesh.deliver_all()
    two.mesh.clock.now += 2 * WIDEN  # before anything looks at the clock
    two.owner.perform(two.owner.core.leave(waits, two.owner.now()))
    two.mesh.deliver_all()
    (here,), (there,) = two.owner.lending.status(), two.host.lending.status()
    assert (here.wants, there.wanted) == (0, 0)


def test_nothing_is_followed_without_peers() -> None:
    two = Two()
    two.mesh.cut((two.owner, two.host))
    assert two.host.core.queue.changes is None
