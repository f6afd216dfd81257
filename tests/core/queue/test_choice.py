"""One client has at most its share of what is in work, while others wait."""

from typing import Any

import pytest

from prack_grpc.core.errors import GatewayError
from prack_grpc.core.exchange.exchange import Exchange, Session
from prack_grpc.core.http.message import Kind
from prack_grpc.core.status import status
from tests.core.building import Desk, delivered


def of(desk: Desk, client: str, count: int) -> list[Exchange]:
    """So many requests of a client."""
    return [desk.submit(counts_for=client) for _ in range(count)]


def order(desk: Desk, session: Session, count: int) -> list[Exchange]:
    """What a worker is handed for the next answers that it gives, each for its oldest."""
    taken: list[Exchange] = []
    for _ in range(count):
        taken += delivered(desk.answer(next(iter(session.held.values()))))
    return taken


def holders(session: Session) -> str:
    """The clients of what a worker holds."""
    held = session.held.values()
    return "".join(sorted(lease.exchange.request.counts_for for lease in held))


def test_who_has_all_slots_leaves_the_next_ones_to_others() -> None:
    desk = Desk()
    session = desk.stream(slots=4)
    hog = of(desk, "hog", 100)
    others = of(desk, "a", 1) + of(desk, "b", 1)
    assert order(desk, session, 4) == [*others, *hog[4:6]]


def test_how_often_somebody_was_passed_over_is_counted() -> None:
    desk = Desk()
    session = desk.stream(slots=4)
    hog, *_ = of(desk, "hog", 100)
    of(desk, "a", 3)
    assert hog.lane.passed_over == 0, "there was nobody else, and room for all"
    order(desk, session, 2)
    assert hog.lane.passed_over == 2
    order(desk, session, 4)
    assert hog.lane.passed_over == 3, "once for each request of a"
    order(desk, session, 20)
    assert hog.lane.passed_over == 3, "nobody else waits"


def test_the_crowd_is_of_one_client_that_has_its_share() -> None:
    desk = Desk()
    desk.stream(slots=4)
    hog, *_ = of(desk, "hog", 14)
    of(desk, "a", 30)
    route = next(one for one in status(desk.core, desk.now).routes if one.kind == "http")
    assert (route.waiting, route.crowd) == (40, 10)
    desk.submit(b"x", False, counts_for="hog")
    assert desk.core.queue.choice.crowd(hog.lane) == 11


def test_half_of_what_is_in_work_is_the_share() -> None:
    desk = Desk()
    session = desk.stream(slots=8)
    of(desk, "hog", 20)
    of(desk, "other", 20)
    order(desk, session, 8)
    assert holders(session) == "hog" * 4 + "other" * 4


@pytest.mark.parametrize(("share", "hogs"), [(1.0, 8), (0.75, 6), (0.25, 2), (0.001, 1)])
def test_the_share_can_be_set(share: float, hogs: int) -> None:
    desk = Desk(client_share=share)
    session = desk.stream(slots=8)
    of(desk, "hog", 20)
    for number in range(20):
        of(desk, f"client {number}", 1)
    order(desk, session, 12)
    assert holders(session).count("hog") == hogs


def test_of_one_slot_each_has_its_turn() -> None:
    desk = Desk()
    session = desk.stream()
    first, second = of(desk, "hog", 2)
    (other,) = of(desk, "other", 1)
    assert first.lease
    assert order(desk, session, 2) == [second, other], "nobody holds anything: the oldest goes"


def test_who_is_alone_may_have_all() -> None:
    desk = Desk()
    desk.stream(slots=8)
    assert all(one.lease for one in of(desk, "hog", 8))


def test_those_that_all_have_their_share_go_as_they_came() -> None:
    desk = Desk()
    session = desk.stream(slots=2)
    desk.submit(counts_for="a")
    desk.submit(counts_for="b")
    waiting = [desk.submit(counts_for=client) for client in "bba"]
    assert order(desk, session, 1) == [waiting[2]], "a has nothing in work now"
    assert order(desk, session, 2) == waiting[:2]


def test_what_counts_for_nobody_is_never_passed_over() -> None:
    desk = Desk()
    session = desk.stream(slots=2)
    exempt = of(desk, "", 4)
    other = of(desk, "other", 1)
    assert order(desk, session, 3) == [*exempt[2:], *other]


def test_who_is_passed_over_keeps_its_place() -> None:
    desk = Desk()
    session = desk.stream(slots=2)
    hog = of(desk, "hog", 3)
    other = of(desk, "other", 2)
    late = of(desk, "hog", 1)
    assert order(desk, session, 4) == [other[0], hog[2], other[1], *late]


def test_a_body_that_is_still_coming_has_its_turn_before_those_of_a_hog() -> None:
    desk = Desk()
    session = desk.stream(slots=4)
    of(desk, "hog", 5)
    upload = desk.submit(b"x", False, counts_for="other")
    assert order(desk, session, 1) == [upload]


def test_uploads_of_a_hog_go_after_those_of_others() -> None:
    desk = Desk()
    session = desk.stream(slots=4)
    of(desk, "hog", 4)
    uploads = [desk.submit(b"x", False, counts_for=client) for client in ("hog", "other")]
    assert order(desk, session, 2) == uploads[::-1]


def test_websockets_are_counted_beside_requests() -> None:
    desk = Desk()
    kinds = (Kind.HTTP, Kind.WEBSOCKET)
    session = desk.stream(slots=2, websocket_slots=2, kinds=kinds)
    of(desk, "hog", 2)
    sockets = [desk.submit(kind=Kind.WEBSOCKET, counts_for=one) for one in ("third", "hog")]
    waits = [desk.submit(kind=Kind.WEBSOCKET, counts_for=one) for one in ("hog", "other")]
    assert all(one.lease for one in sockets)
    lease = sockets[0].lease
    assert lease
    assert delivered(desk.answer(lease)) == [waits[1]]
    assert session.sockets == 2


def test_what_comes_back_counts_no_more() -> None:
    desk = Desk()
    first, second = desk.stream(), desk.stream()
    hog = of(desk, "hog", 3)
    other = of(desk, "other", 1)
    assert delivered(desk.core.lose(first, desk.now)) == []
    lane = hog[0].lane
    assert (lane.busy, dict(lane.held)) == (1, {"hog": 1})
    assert order(desk, second, 3) == [hog[0], hog[2], *other]
    assert (lane.busy, dict(lane.held)) == (1, {"other": 1})


def test_a_route_that_has_gone_is_what_a_lease_counts_for() -> None:
    desk = Desk(route_linger=1.0)
    session = desk.stream("/a")
    lease = desk.leased(target=b"/a", counts_for="hog")
    desk.core.drain(session, desk.now)
    desk.pass_time(3.0)
    desk.stream()
    other = desk.leased(target=b"/a", counts_for="hog")
    desk.answer(lease)
    assert lease.lane is not other.lane
    assert [(one.lane.busy, dict(one.lane.held)) for one in (lease, other)] == [
        (0, {}),
        (1, {"hog": 1}),
    ]


def test_under_overload_the_newest_of_those_that_have_less_than_their_share_goes() -> None:
    desk = Desk(newest_first_after=5.0)
    session = desk.stream(slots=2)
    of(desk, "hog", 4)
    others = of(desk, "other", 2)
    hog = of(desk, "hog", 1)
    desk.now += 5
    assert order(desk, session, 2) == [others[1], *hog]


def test_nobody_is_refused_for_a_line_that_a_hog_has_made() -> None:
    desk = Desk(queue_timeout=10)
    session = desk.stream(slots=2)
    of(desk, "hog", 200)
    for _ in range(60):  # ten a second
        desk.now += 0.1
        order(desk, session, 1)
    with pytest.raises(GatewayError, match="138 requests are waiting, and about 10 per second"):
        desk.submit(counts_for="hog")
    (other,) = of(desk, "other", 1)
    assert order(desk, session, 1) == [other]


def test_operators_see_one_line() -> None:
    desk = Desk()
    desk.stream(slots=2)
    of(desk, "hog", 5)
    desk.now += 2
    of(desk, "other", 1)
    route = next(one for one in status(desk.core, desk.now).routes if one.kind == "http")
    assert (route.busy, route.waiting, route.oldest) == (2, 4, 2)


def crowded(slots: int = 8, **limits: Any) -> tuple[Desk, Session, list[Exchange]]:
    """A worker, somebody who was there, and a hog that has asked for more than all slots."""
    desk = Desk(**limits)
    session = desk.stream(slots=slots)
    desk.answer(desk.leased(counts_for="other"))
    return desk, session, of(desk, "hog", slots + 4)


def test_of_eight_slots_the_last_is_left_to_others() -> None:
    desk, session, _ = crowded()
    assert holders(session) == "hog" * 7
    (other,) = of(desk, "other", 1)
    assert other.lease
    assert delivered(desk.answer(other.lease)) == [], "the hog has its share, others come again"


def test_of_seven_none_is() -> None:
    _, session, _ = crowded(slots=7)
    assert holders(session) == "hog" * 7


def test_none_is_left_with_a_share_of_all() -> None:
    _, session, _ = crowded(client_share=1.0)
    assert holders(session) == "hog" * 8


def test_none_is_left_to_those_who_have_long_gone() -> None:
    desk, session, hog = crowded(lately=9)
    assert holders(session) == "hog" * 7
    assert order(desk, session, 1) == [hog[7]]
    assert order(desk, session, 1) == hog[8:10], "the ninth in a row, and the one that was left"


def test_who_comes_back_leaves_it_though_somebody_had_all_hand_outs_of_late() -> None:
    desk, session, _ = crowded(lately=9)
    for _ in range(20):
        desk.answer(desk.leased(counts_for="other"))
    assert holders(session) == "hog" * 7


def test_who_has_less_than_its_share_takes_it() -> None:
    desk = Desk()
    session = desk.stream(slots=8)
    of(desk, "a", 4)
    of(desk, "b", 3)
    assert all(one.lease for one in of(desk, "b", 1))
    assert holders(session) == "aaaabbbb"


def test_a_trusted_proxy_takes_it() -> None:
    desk, session, _ = crowded()
    assert all(one.lease for one in of(desk, "", 1))
    assert len(session.held) == 8


def test_of_two_workers_one_slot_is_left() -> None:
    desk = Desk()
    first, second = desk.stream(slots=4), desk.stream(slots=4)
    of(desk, "other", 1)
    of(desk, "hog", 8)
    assert len(first.held) + len(second.held) == 7
    third = desk.stream(slots=2)
    assert len(first.held) + len(second.held) + len(third.held) == 9, "again all but one"


def test_the_last_poll_is_left() -> None:
    desk = Desk()
    polls = [desk.rest() for _ in range(9)]
    (other,) = of(desk, "other", 1)
    assert other.lease
    desk.core.drain(other.lease.session, desk.now)
    of(desk, "hog", 9)
    assert [holders(poll) for poll in polls] == ["other", *["hog"] * 7, ""]


def test_it_is_taken_when_the_share_shrinks_though_no_slot_becomes_free() -> None:
    desk = Desk()
    away = desk.stream(slots=7)
    of(desk, "other", 1)
    hog = of(desk, "hog", 8)
    session = desk.stream(slots=1)
    desk.core.drain(away, desk.now)
    assert (len(away.held), len(session.held)) == (7, 0)
    gone = next(one for one in away.held.values() if one.exchange in hog)
    assert delivered(desk.answer(gone)) == [hog[6]], "of fewer than eight none is left"


def test_uploads_leave_it_too() -> None:
    desk, _, _ = crowded()
    (upload, other) = (desk.submit(b"x", False, counts_for=one) for one in ("hog", "other"))
    assert not upload.lease
    assert other.lease


def test_operators_see_the_slot_that_is_left() -> None:
    desk, _, _ = crowded()
    route = next(one for one in status(desk.core, desk.now).routes if one.kind == "http")
    assert (route.free, route.waiting, route.crowd) == (1, 5, 5)


def test_another_route_of_the_worker_gets_it() -> None:
    desk = Desk()
    session = desk.stream("/a", "/b", slots=8)
    desk.answer(desk.leased(target=b"/a", counts_for="other"))
    hog = [desk.submit(target=b"/a", counts_for="hog") for _ in range(9)]
    first, second = (desk.submit(target=b"/b", counts_for="hog") for _ in range(2))
    assert (len(session.held), hog[7].lease, second.lease) == (8, None, None)
    assert first.lease
    assert delivered(desk.answer(first.lease)) == [second], "it has no share of that route"
