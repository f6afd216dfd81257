import pytest

from prack_grpc.core.errors import LeaseError
from prack_grpc.core.exchange.abort import AbortCode
from prack_grpc.core.exchange.flow import UNBOUNDED
from prack_grpc.core.exchange.states import Work
from prack_grpc.core.worker import TRUSTED
from tests.core.building import Desk, delivered, failures


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---------------------------------------------------------------- aborts


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (AbortCode.HANDLER_ERROR, "worker_error"),
        (AbortCode.CANCELLED, "worker_error"),
        (AbortCode.TIMED_OUT, "deadline"),
        (AbortCode.UNSUPPORTED, "unsupported"),
    ],
)
@pytest.mark.parametrize("answering", [False, True])
def test_an_abort_ends_the_exchange_with_its_error(
    desk: Desk, code: AbortCode, error: str, answering: bool
) -> None:
    session = desk.stream()
    lease = desk.leased()
    if answering:
        desk.begin(lease)
    assert failures(desk.abort(lease, code)) == [(lease.exchange, error)]
    assert session.free
    assert desk.core.counters.failed == 1


@pytest.mark.parametrize("code", [AbortCode.REFUSED, AbortCode.OVERLOADED])
def test_once_an_answer_has_begun_it_cannot_be_given_back(desk: Desk, code: AbortCode) -> None:
    desk.stream()
    lease = desk.leased()
    desk.begin(lease)
    assert failures(desk.abort(lease, code)) == [(lease.exchange, "worker_error")]


@pytest.mark.parametrize("code", [AbortCode.REFUSED, AbortCode.OVERLOADED])
def test_what_was_not_started_goes_to_the_front_for_any_method(desk: Desk, code: AbortCode) -> None:
    session = desk.stream()
    lease = desk.leased(b"body", method=b"POST")
    later = desk.submit()
    desk.core.drain(session, desk.now)
    assert desk.abort(lease, code) == []
    assert desk.waiting == [lease.exchange, later]
    desk.stream()
    assert lease.exchange.lease is not lease
    assert lease.exchange.attempt == 2


def test_another_free_worker_gets_it_at_once(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased()
    other = desk.stream()
    assert delivered(desk.refuse(lease)) == [lease.exchange]
    assert list(other.held.values()) == [lease.exchange.lease]


def test_after_other_exchanges_were_answered_one_without_a_body_still_goes_back(desk: Desk) -> None:
    desk.stream()
    desk.answer(desk.leased())
    lease = desk.leased()
    assert delivered(desk.refuse(lease)) == [lease.exchange]


def test_at_most_so_many_hand_outs_then_503() -> None:
    desk = Desk(max_attempts=3)
    desk.stream()
    lease = desk.leased()
    for _ in range(2):
        desk.refuse(lease)
        assert lease.exchange.lease is not None
        lease = lease.exchange.lease
    assert failures(desk.refuse(lease)) == [(lease.exchange, "refused")]


def test_a_body_that_cannot_be_replayed_is_not_handed_out_again() -> None:
    desk = Desk(inline_body=4)
    desk.stream()
    lease = desk.leased(b"12345678", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(5)
    assert failures(desk.refuse(lease)) == [(lease.exchange, "refused")]


def test_the_next_worker_gets_the_body_from_the_start(desk: Desk) -> None:
    desk.stream()
    lease = desk.leased(b"1234", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(3)
    desk.refuse(lease)
    desk.core.upload(lease.exchange, b"56", desk.now)
    assert lease.exchange.upload.peek() == b"123456"


def test_what_goes_back_is_counted_with_its_body(desk: Desk) -> None:
    session = desk.stream()
    lease = desk.leased(b"1234", False)
    lease.exchange.upload.allow(UNBOUNDED)
    lease.exchange.upload.take(4)
    desk.core.upload(lease.exchange, b"56", desk.now)
    desk.core.drain(session, desk.now)
    desk.refuse(lease)
    assert desk.core.queue.bytes == 1 + 6


def test_what_goes_back_goes_to_the_route_that_fits_it_by_now(desk: Desk) -> None:
    general = desk.stream()
    lease = desk.leased(target=b"/a")
    special = desk.stream("/a")
    desk.core.resize(general, 2, desk.now)
    assert delivered(desk.refuse(lease)) == [lease.exchange]
    assert list(special.held.values()) == [lease.exchange.lease]


def test_a_hand_out_that_never_left_does_not_count(desk: Desk) -> None:
    desk = Desk(max_attempts=1)
    exchange = desk.submit()
    for _ in range(5):
        session = desk.rest()
        assert exchange.lease is not None
        desk.core.drain(session, desk.now)
        assert desk.core.put_back(exchange.lease, desk.now) == []
    assert desk.waiting == [exchange]
    assert desk.core.counters.returned == 5


def test_what_never_left_is_handed_out_under_the_same_name(desk: Desk) -> None:
    desk.rest()
    lease = desk.leased()
    assert delivered(desk.core.put_back(lease, desk.now)) == [lease.exchange]
    assert lease.exchange.lease is not lease
    assert desk.core.ledger.find(lease.assignment.identifier, TRUSTED) is lease.exchange.lease


@pytest.mark.parametrize("state", [Work.ANSWERING, Work.CANCELLED, Work.CLOSED])
def test_only_what_was_not_started_can_be_put_back(desk: Desk, state: Work) -> None:
    desk.stream()
    lease = desk.leased()
    match state:
        case Work.ANSWERING:
            desk.begin(lease)
        case Work.CANCELLED:
            desk.core.leave(lease.exchange, desk.now)
        case _:
            desk.answer(lease)
    with pytest.raises(LeaseError):
        desk.core.put_back(lease, desk.now)
    assert (lease.state, lease.exchange.attempt) == (state, 1)
    assert desk.waiting == []
