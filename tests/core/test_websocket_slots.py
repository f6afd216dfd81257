"""WebSockets in slots of their own, beside those of requests."""

from typing import Any

import pytest

from prack_grpc.core.exchange.exchange import Exchange, Lease
from prack_grpc.core.http.message import Kind
from prack_grpc.core.receivers import NOBODY
from prack_grpc.core.status import status
from tests.core.building import Desk, a_request, an_upload, cancels, delivered, failures

BOTH: dict[str, Any] = {"kinds": (Kind.HTTP, Kind.WEBSOCKET)}


def a_socket(desk: Desk) -> Exchange:
    """A WebSocket that somebody opens."""
    return desk.submit(b"", False, kind=Kind.WEBSOCKET)


def test_o4_websockets_leave_the_slots_of_requests_alone() -> None:
    desk = Desk()
    session = desk.stream(slots=2, websocket_slots=3, **BOTH)
    sockets = [a_socket(desk) for _ in range(4)]
    requests = [desk.submit() for _ in range(3)]
    assert [one.lease is not None for one in sockets] == [True, True, True, False]
    assert [one.lease is not None for one in requests] == [True, True, False]
    assert session.sockets == 3


def test_without_slots_of_their_own_they_take_those_of_requests() -> None:
    desk = Desk()
    desk.stream(slots=2, **BOTH)
    assert a_socket(desk).lease
    assert desk.submit().lease
    assert not a_socket(desk).lease
    assert not desk.submit().lease


def test_each_kind_is_free_again_by_itself() -> None:
    desk = Desk()
    desk.stream(slots=1, websocket_slots=1, **BOTH)
    socket, request = a_socket(desk), desk.submit()
    next_socket, next_request = a_socket(desk), desk.submit()
    assert socket.lease
    assert request.lease
    desk.core.leave(socket, desk.now)
    desk.core.leave(request, desk.now)
    assert delivered(desk.refuse(socket.lease)) == [next_socket]
    assert delivered(desk.refuse(request.lease)) == [next_request]


@pytest.mark.parametrize(("slots", "sockets"), [(1, 2), (3, 0)])
def test_a_worker_may_change_both(slots: int, sockets: int) -> None:
    desk = Desk()
    session = desk.stream(slots=1, websocket_slots=1, **BOTH)
    a_socket(desk)
    desk.submit()
    waits = a_socket(desk)
    assert delivered(desk.core.resize(session, slots, desk.now, sockets)) == [waits]


def test_operators_see_how_many_there_are() -> None:
    desk = Desk()
    desk.stream(slots=2, websocket_slots=3, **BOTH)
    a_socket(desk)
    desk.submit()
    shown = status(desk.core, desk.now)
    (worker,) = shown.workers
    assert (worker.slots, worker.held, worker.websockets) == (2, 2, 1)
    assert {route.kind: route.free for route in shown.routes} == {"http": 1, "websocket": 2}


def ousted(desk: Desk, **request: Any) -> list[Exchange]:
    """Who is closed as one more WebSocket waits, or because it does."""
    upload = an_upload(desk.limits, b"", False)
    request = {"kind": Kind.WEBSOCKET, **request}
    effects = desk.core.submit("one more", a_request(**request), upload, NOBODY, desk.now)[1]
    assert [lease.exchange for lease, _ in cancels(effects)] == [
        one for one, _ in failures(effects)
    ]
    assert {code for _, code in failures(effects)} <= {"overloaded"}
    return [one for one, _ in failures(effects)]


def opened(desk: Desk, client: str) -> Lease:
    """A WebSocket of this client that is open."""
    lease = desk.leased(b"", False, kind=Kind.WEBSOCKET, counts_for=client)
    desk.begin(lease)
    desk.pass_time(1.0)
    return lease


def test_o4_who_has_more_than_its_share_gives_back_the_longest_silent() -> None:
    desk = Desk()
    desk.stream(websocket_slots=4, **BOTH)
    active, *silent = [opened(desk, "hog") for _ in range(4)]
    desk.answering.data(active, b"TEXT 1\r\na\r\n", desk.now)
    assert ousted(desk, counts_for="other") == [silent[0].exchange]
    (waits,) = desk.waiting
    assert desk.pass_time(1.0) == []  # its worker has not let go of it
    assert delivered(desk.refuse(silent[0])) == [waits]
    assert desk.pass_time(1.0) == []  # nobody waits


def test_who_has_its_share_keeps_what_it_has() -> None:
    desk = Desk()
    desk.stream(websocket_slots=4, **BOTH)
    for client in ("one", "one", "other", "other"):
        opened(desk, client)
    assert ousted(desk, counts_for="another") == []
    assert ousted(desk, counts_for="other") == []
    assert desk.pass_time(1.0) == []


def test_who_has_more_than_its_share_waits_for_itself() -> None:
    desk = Desk()
    desk.stream(websocket_slots=4, **BOTH)
    for _ in range(4):
        opened(desk, "hog")
    assert ousted(desk, counts_for="hog") == []


def test_with_all_as_its_share_a_client_keeps_what_it_has() -> None:
    desk = Desk(client_share=1.0)
    desk.stream(websocket_slots=2, **BOTH)
    for _ in range(2):
        opened(desk, "hog")
    assert ousted(desk, counts_for="other") == []


def test_as_many_give_way_as_wait_down_to_the_share() -> None:
    desk = Desk()
    desk.stream(websocket_slots=4, **BOTH)
    first, second, *_ = [opened(desk, "hog") for _ in range(4)]
    assert ousted(desk, counts_for="other") == [first.exchange]
    assert ousted(desk, counts_for="another") == [second.exchange]
    assert ousted(desk, counts_for="a third") == []
    assert desk.pass_time(1.0) == []
    assert len(delivered(desk.refuse(first))) == 1
    assert len(delivered(desk.refuse(second))) == 1
    assert desk.pass_time(1.0) == []


def test_who_left_and_whose_worker_goes_on_holds_up_nobody() -> None:
    desk = Desk()
    desk.stream(websocket_slots=4, **BOTH)
    first, second, *_ = [opened(desk, "hog") for _ in range(4)]
    desk.core.leave(first.exchange, desk.now)
    assert ousted(desk, counts_for="other") == [second.exchange]
