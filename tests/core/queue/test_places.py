"""What one token may have of the gateway's places and routes."""

import pytest

from prack_grpc.core.errors import BadRoute, TooManySessions
from prack_grpc.core.exchange.exchange import Session
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.queue import Queue
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import TRUSTED, Principal, Profile, Right
from tests.core.building import NO_WORKER

LIMITS = Limits(max_sessions=8, max_routes=8, credential_share=0.5, route_linger=10.0)
WORK = frozenset((Right.WORK,))


def session(who: Principal, *routes: str) -> Session:
    parsed = tuple(map(Route.parse, routes)) or (Route(),)
    return Session(Profile("w", 1, True, parsed), who, NO_WORKER, 1)


def test_one_token_leaves_places_to_the_others() -> None:
    queue, one, other = Queue(LIMITS, 0.0), Principal("a", WORK), Principal("b", WORK)
    mine = [session(one) for _ in range(4)]
    for each in mine:
        queue.join(each, 0.0)
    with pytest.raises(TooManySessions, match="these credentials have all 4 workers"):
        queue.join(session(one), 0.0)
    for _ in range(3):
        queue.join(session(other), 0.0)
    queue.leave(mine[0], 0.0)
    queue.join(session(one), 0.0)


def test_one_token_leaves_routes_to_the_others_for_as_long_as_they_linger() -> None:
    queue, one, other = Queue(LIMITS, 0.0), Principal("a", WORK), Principal("b", WORK)
    mine = session(one, "/1", "/2", "/3", "/4")
    queue.join(mine, 0.0)
    queue.leave(mine, 0.0)
    with pytest.raises(BadRoute, match="these credentials have all 4 routes"):
        queue.join(session(one, "/5"), 0.0)
    queue.join(session(one, "/1"), 0.0)
    queue.join(session(other, "/5"), 0.0)
    queue.forget(11.0)
    queue.join(session(one, "/6", "/7", "/8"), 11.0)


def test_all_tokens_of_an_entry_have_one_share() -> None:
    queue = Queue(LIMITS, 0.0)
    for name in ("1", "2"):
        queue.join(session(Principal(name, WORK, entry="a"), f"/{name}", f"/{name}/x"), 0.0)
    for name in ("3", "4"):
        queue.join(session(Principal(name, WORK, entry="a"), "/1"), 0.0)
    with pytest.raises(TooManySessions):
        queue.join(session(Principal("5", WORK, entry="a"), "/1"), 0.0)
    queue.join(session(Principal("1", WORK), "/5"), 0.0)


def test_who_may_do_everything_has_all_there_is() -> None:
    queue = Queue(LIMITS, 0.0)
    queue.join(session(TRUSTED, *(f"/{n}" for n in range(7))), 0.0)
    for _ in range(7):
        queue.join(session(TRUSTED), 0.0)
