"""A client that has its share at one gateway leaves slots of all of them to others."""

from typing import Any

from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.hand_out import HandOut
from prack_grpc.core.lending.lending import Lending
from tests.core.lending.mesh import Mesh
from tests.core.lending.two import Two


def crowded(slots: int = 16) -> Two:
    """A hog has asked the owner for all slots, and one of its requests was answered."""
    two = Two(slots=slots)
    for _ in range(slots + 8):
        two.mesh.submit(two.owner, counts_for="hog")
    two.mesh.quiet()
    two.host.answer(two.host.leases[0])
    two.mesh.quiet()
    return two


def test_a_hog_leaves_the_last_slot_of_its_neighbour_to_others() -> None:
    two = crowded()
    assert len(two.worker.held) == 15
    assert two.mesh.submit(two.host, counts_for="other").lease


def test_a_hog_leaves_a_borrowed_slot_to_others_once_they_were_there() -> None:
    two = crowded()
    other = two.mesh.submit(two.owner, counts_for="other")
    two.mesh.deliver_all()
    assert other.lease, "peers are told of it at once"
    two.host.answer(two.host.leases[-1])
    two.mesh.quiet(3.0)
    assert len(two.worker.held) == 15
    two.host.answer(two.host.leases[0])
    two.mesh.quiet(3.0)
    assert len(two.worker.held) == 14
    assert two.mesh.submit(two.owner, counts_for="other").lease


def test_of_many_workers_with_one_slot_one_is_not_lent() -> None:
    two = Two()
    for _ in range(9):
        two.mesh.join(two.host, 1)
    two.mesh.join(two.owner, 8)
    for _ in range(30):
        two.mesh.submit(two.owner, counts_for="hog")
    two.mesh.quiet()
    assert len(two.host.leases) == 9


def test_a_slot_of_few_is_not_left() -> None:
    assert len(crowded(slots=4).worker.held) == 4


def test_nobody_is_lent_what_he_would_leave() -> None:
    two = crowded()
    sent = two.to_owner.sent
    two.host.answer(two.host.leases[0])
    two.mesh.quiet(2.0)
    assert len(two.worker.held) == 15
    assert two.to_owner.sent == sent + 1, "the answer; its slot is still the owner's"


def test_who_has_its_share_at_one_gateway_waits_behind_others_at_another() -> None:
    two = crowded()
    others = [two.mesh.submit(two.host, counts_for="other") for _ in range(2)]
    assert [bool(one.lease) for one in others] == [True, False]
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert others[1].lease, "it has come last"


def test_who_leaves_a_slot_of_its_own_gateway_goes_on_to_borrow() -> None:
    two = Two(slots=16)
    own = two.mesh.join(two.owner, 8)
    two.mesh.submit(two.owner, counts_for="other")
    for _ in range(40):
        two.mesh.submit(two.owner, counts_for="hog")
    two.mesh.quiet()
    two.owner.answer(two.owner.leases[0])
    two.mesh.quiet()
    assert (len(own.held), len(two.worker.held)) == (8, 14), "one is left at each"


def test_of_few_slots_who_waits_longest_is_behind_nobody() -> None:
    two = Two(slots=2)
    hog = [two.mesh.submit(two.owner, counts_for="hog") for _ in range(3)]
    two.mesh.quiet(1.0)
    other = two.mesh.submit(two.host, counts_for="other")
    two.host.answer(two.host.leases[0])
    two.mesh.deliver_all()
    assert (bool(hog[2].lease), bool(other.lease)) == (True, False)


def shared(gateways: int = 3, slots: int = 32) -> tuple[Mesh, Session]:
    """The last gateway has a worker, and the first borrows it: for a hog, and another was there."""
    mesh = Mesh(gateways, HandOut, Lending)
    first, *_, host = mesh.gateways
    worker = mesh.join(host, slots)
    mesh.deliver_all()
    mesh.submit(first, counts_for="other")
    mesh.quiet()
    for _ in range(slots + 8):
        mesh.submit(first, counts_for="hog")
    for _ in range(4):
        host.answer(host.leases[0])
        mesh.quiet()
    return mesh, worker


def idle(gateway: Any) -> int:
    """The slots that it has borrowed and does not use."""
    return sum(guest.slots - len(guest.held) for guest in gateway.guests)


def test_what_is_left_at_one_gateway_goes_to_those_who_wait_at_another() -> None:
    mesh, worker = shared()
    first, second, _ = mesh.gateways
    assert (len(worker.held), idle(first)) == (30, 1)
    others = [mesh.submit(second, counts_for=one) for one in ("a", "b")]
    mesh.quiet()
    assert all(one.lease for one in others), "the last of the host, and that of the first"


def test_what_is_left_at_one_gateway_is_not_for_who_would_leave_it() -> None:
    mesh, _ = shared()
    first, _, host = mesh.gateways
    (stock,) = host.steps.lender.stocks.all.values()
    (loan,) = (loan for loan in stock.loans.values() if loan.idle)
    assert loan.wanted
    assert list(stock.unused(pressed=False)) == []
    assert list(stock.unused(pressed=True)) == [loan]
    mesh.submit(host, counts_for="a")
    mesh.submit(first, counts_for="hog")
    mesh.quiet()
    assert idle(first) == 1


def test_a_borrowed_slot_that_is_left_to_others_stays() -> None:
    mesh, _ = shared(gateways=2)
    first, host = mesh.gateways
    to_first = mesh.links[first, host][1]
    sent = to_first.sent
    mesh.quiet(3.0)
    assert (to_first.sent, idle(first)) == (sent, 1)


def test_a_slot_is_left_no_more_once_peers_have_begun_more() -> None:
    two = Two(slots=10)
    for _ in range(2):
        two.mesh.submit(two.owner)
    two.mesh.quiet()
    for lease in two.host.leases:
        two.host.answer(lease)
    two.mesh.deliver_all()
    for client in ("other", "other", "other", "hog", "hog", "hog", "hog"):
        two.mesh.submit(two.host, counts_for=client)
    fifth = two.mesh.submit(two.host, counts_for="hog")
    assert (len(two.worker.held), two.worker.reserved, fifth.lease) == (7, 2, None)
    for _ in range(2):
        two.mesh.submit(two.owner)
    two.mesh.deliver_all()
    assert fifth.lease, "four of nine are not half of what could be in work"
