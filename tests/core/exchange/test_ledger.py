import pytest

from prack_grpc.core.errors import Late, NotHeld
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.exchange import Lease, Ledger
from prack_grpc.core.worker import TRUSTED
from tests.core.building import Desk


@pytest.fixture
def lease() -> Lease:
    return a_lease()


def a_lease() -> Lease:
    desk = Desk()
    desk.rest()
    return desk.leased()


def verdict(ledger: Ledger, identifier: str) -> Late:
    with pytest.raises(NotHeld) as caught:
        ledger.find(identifier, TRUSTED)
    return caught.value.late


def test_an_open_hand_out_is_found_by_its_identifier(lease: Lease) -> None:
    ledger = Ledger(10)
    ledger.open(lease)
    assert ledger.find(lease.assignment.identifier, TRUSTED) is lease
    assert len(ledger) == 1


@pytest.mark.parametrize("identifier", ["", "0", "0.1", "0.2", "../0.1", "\0", "x" * 10240])
def test_any_other_identifier_is_unknown(lease: Lease, identifier: str) -> None:
    ledger = Ledger(10)
    ledger.open(lease)
    assert verdict(ledger, identifier) is Late.UNKNOWN


@pytest.mark.parametrize("end", Late)
def test_a_closed_hand_out_is_remembered_with_its_verdict(lease: Lease, end: Late) -> None:
    ledger = Ledger(10)
    ledger.open(lease)
    ledger.close(lease, end)
    assert verdict(ledger, lease.assignment.identifier) is end
    assert len(ledger) == 0


def test_the_first_verdict_counts(lease: Lease) -> None:
    ledger = Ledger(10)
    ledger.open(lease)
    ledger.close(lease, Late.ANSWERED)
    ledger.close(lease, Late.GONE)
    assert verdict(ledger, lease.assignment.identifier) is Late.ANSWERED


def test_a_hand_out_that_was_never_opened_is_not_remembered(lease: Lease) -> None:
    ledger = Ledger(10)
    ledger.close(lease, Late.STALE)
    assert verdict(ledger, lease.assignment.identifier) is Late.UNKNOWN


def test_closing_an_old_hand_out_leaves_a_newer_one_of_the_same_name_open() -> None:
    ledger, old, new = Ledger(10), a_lease(), a_lease()
    assert old.assignment.identifier == new.assignment.identifier
    ledger.open(old)
    ledger.open(new)
    ledger.close(old, Late.STALE)
    assert ledger.find(new.assignment.identifier, TRUSTED) is new


@pytest.mark.parametrize("remembered", [0, 1, 3])
def test_the_oldest_memory_makes_room(remembered: int) -> None:
    desk, ledger = Desk(), Ledger(remembered)
    for _ in range(5):
        desk.rest()
    leases = [desk.leased() for _ in range(5)]
    for lease in leases:
        ledger.open(lease)
        ledger.close(lease, Late.ANSWERED)
    verdicts = [verdict(ledger, lease.assignment.identifier) for lease in leases]
    forgotten = 5 - remembered
    assert verdicts == [Late.UNKNOWN] * forgotten + [Late.ANSWERED] * remembered


def test_verdicts_tell_a_worker_whether_it_is_wrong_or_late() -> None:
    assert {v.code: v.status for v in Late} == {
        "unknown_request": 404,
        "already_answered": 409,
        "stale_lease": 409,
        "gone": 410,
    }


def test_who_knows_one_name_cannot_tell_the_next() -> None:
    names = set()
    for secret in (b"one", b"two"):
        desk = Desk(secret=secret)
        for _ in range(2):
            desk.rest()
        first = desk.leased()
        desk.abort(first, AbortCode.REFUSED)
        second = first.exchange.lease
        assert second
        assert second.assignment.attempt == 2
        names |= {first.assignment.identifier, second.assignment.identifier}
    assert len({name.rpartition(".")[2] for name in names}) == 4
