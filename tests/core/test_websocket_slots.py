"""WebSockets in slots of their own, beside those of requests."""

from typing import Any

import pytest

from prack_grpc.core.exchange.exchange import Exchange
from prack_grpc.core.http.message import Kind
from prack_grpc.core.status import status
from tests.core.building import Desk, delivered

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
