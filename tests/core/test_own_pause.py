"""Workers that want nothing for a while: they have no slots."""

from prack_grpc.core.http.message import Kind
from prack_grpc.core.status import Serving, status
from tests.core.building import Desk, delivered


def states(desk: Desk) -> list[Serving]:
    return [row.state for row in status(desk.core, desk.now).workers]


def test_what_waits_is_handed_out_when_it_resumes() -> None:
    desk = Desk()
    session = desk.stream(slots=2, websocket_slots=1, kinds=tuple(Kind))
    desk.core.resize(session, 0, desk.now)
    waiting = [desk.submit(), desk.submit(kind=Kind.WEBSOCKET)]
    assert [one.lease for one in waiting] == [None, None]
    assert delivered(desk.core.resize(session, 2, desk.now, 1)) == waiting


def test_what_it_holds_goes_on() -> None:
    desk = Desk()
    session = desk.stream(slots=2)
    lease = desk.leased()
    desk.core.resize(session, 0, desk.now)
    waiting = desk.submit()
    assert desk.answer(lease) == []
    assert waiting.lease is None


def test_a_worker_is_paused_if_none_of_its_sessions_has_a_slot() -> None:
    desk = Desk()
    first, second = desk.stream(worker="w1"), desk.stream(worker="w1")
    desk.core.resize(first, 0, desk.now)
    assert states(desk) == [Serving.ACTIVE]
    desk.core.resize(second, 0, desk.now)
    assert states(desk) == [Serving.PAUSED]


def test_one_that_drains_is_no_longer_paused() -> None:
    desk = Desk()
    session = desk.stream()
    desk.core.resize(session, 0, desk.now)
    desk.core.drain(session, desk.now)
    assert states(desk) == [Serving.DRAINED]
