"""What is read ahead while requests wait, and who has how much of it."""

import pytest

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Exchange
from tests.core.building import Desk


@pytest.mark.parametrize(
    ("share", "own", "other"), [(0.5, 500, 250), (0.9, 900, 90), (1.0, 1000, 0)]
)
def test_o3_a_client_has_a_share_of_what_is_read_ahead(share: float, own: int, other: int) -> None:
    desk = Desk(queue_bytes=2000, client_share=share)
    one, two, three = (desk.submit(b"", False, counts_for=name) for name in ("a", "a", "b"))
    desk.core.upload(one, bytes(own - 100), desk.now)
    assert desk.core.room(two) == 100
    desk.core.upload(two, bytes(100), desk.now)
    assert desk.core.room(one) == desk.core.room(two) == 0
    assert desk.core.room(three) == other


def test_who_counts_for_nobody_has_all_that_is_left_of_it() -> None:
    desk = Desk(queue_bytes=2000)
    one, two = desk.submit(b"", False, counts_for="a"), desk.submit(b"", False)
    desk.core.upload(one, bytes(500), desk.now)
    assert desk.core.room(two) == 500


@pytest.mark.parametrize(("clients", "each"), [(1, 500), (2, 333), (3, 250), (99, 10)])
def test_many_clients_leave_as_much_to_the_next_as_each_has(clients: int, each: int) -> None:
    desk = Desk(queue_bytes=2000)
    they = [desk.submit(b"", False, counts_for=str(number)) for number in range(clients)]
    while more := [one for one in they if desk.core.room(one) > 0]:
        for one in more:  # those that come in turn, a byte each
            desk.core.upload(one, b"x", desk.now)
    assert {one.upload.pushed for one in they} <= {each - 1, each, each + 1}
    assert desk.core.room(desk.submit(b"", False, counts_for="other")) >= each // 2 > 0


@pytest.mark.parametrize("how", ["leave", "lease"])
def test_a_client_has_room_again_when_what_it_had_waits_no_more(how: str) -> None:
    desk = Desk(queue_bytes=2000)
    one, two = (desk.submit(b"", False, counts_for="a") for _ in range(2))
    desk.core.upload(one, bytes(500), desk.now)
    took = desk.core.took()
    assert desk.core.room(two) == 0
    if how == "leave":
        desk.core.leave(one, desk.now)
    else:
        desk.stream()
    assert desk.core.room(two) == 500
    assert desk.core.took() != took


def test_room_of_a_queue_that_was_full_is_told() -> None:
    desk = Desk(queue_bytes=100)
    waits = desk.submit(b"", False)
    other = desk.submit(bytes(98))
    assert desk.core.room(waits) == 0
    took = desk.core.took()
    desk.core.leave(other, desk.now)
    assert desk.core.room(waits) > 0
    assert desk.core.took() != took


def test_a_body_that_comes_back_to_the_queue_was_not_read_ahead() -> None:
    desk = Desk(queue_bytes=2000)
    desk.stream()
    lease = desk.leased(b"", False, counts_for="a")
    desk.core.upload(lease.exchange, bytes(300), desk.now)
    desk.core.lose(lease.session, desk.now)
    assert lease.exchange in desk.waiting
    assert desk.core.room(desk.submit(b"", False, counts_for="a")) == 500


def large(desk: Desk, client: str) -> Exchange:
    """A request of somewhat more than 10,000 bytes that waits."""
    return desk.submit(bytes(10_000), counts_for=client)


def test_a_client_has_a_share_of_what_large_requests_may_take() -> None:
    desk = Desk(queue_bytes=100_000)
    first, *_ = [large(desk, "a") for _ in range(4)]  # the fifth would be more than half
    with pytest.raises(GatewayError) as refused:
        large(desk, "a")
    assert refused.value.kind is errors.QUEUE_FULL
    large(desk, "b")
    desk.submit(counts_for="a")  # small ones have no share
    desk.core.leave(first, desk.now)
    assert large(desk, "a") in desk.waiting


def test_what_a_large_request_took_is_free_once_a_worker_has_it() -> None:
    desk = Desk(queue_bytes=100_000)
    for _ in range(4):
        large(desk, "a")
    desk.stream(slots=4)
    assert [large(desk, "a") in desk.waiting for _ in range(4)] == [True] * 4


def test_a_client_that_has_nothing_may_have_all_that_is_left() -> None:
    desk = Desk(queue_bytes=100_000)
    assert desk.submit(bytes(80_000), counts_for="a") in desk.waiting


def collected(desk: Desk, client: str) -> bool:
    """Whether a worker that takes bodies in one piece may have one of 100 bytes."""
    return desk.core.collect(desk.leased(b"", False, body_length=100, counts_for=client).exchange)


def test_o3_a_client_has_a_share_of_what_is_collected() -> None:
    desk = Desk(queue_bytes=800, rest_body=100)
    desk.rest(slots=20)
    assert [collected(desk, "a") for _ in range(5)] == [True, True, True, True, False]
    assert [collected(desk, "b") for _ in range(3)] == [True, True, False]
    assert collected(desk, "")


def test_the_first_body_of_a_client_is_collected_however_large_it_is() -> None:
    desk = Desk(queue_bytes=100, rest_body=100)
    desk.rest(slots=8)
    assert [collected(desk, client) for client in "aab"] == [True, False, False]
