"""What credentials allow a worker to be."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.errors import OutOfScope
from prack_grpc.core.queue.routes import Route
from prack_grpc.core.worker import Principal, Profile, Right, Scope

HOSTS = ("x.test", "a.x.test", "b.a.x.test", "y.test")
PATHS = ("/", "/p", "/p/q", "/pq")
METHODS = ("GET", "POST")
REQUESTS = list(itertools.product(HOSTS, PATHS, METHODS))
routes = st.builds(
    Route,
    st.sampled_from(("", *HOSTS, "*.x.test", "*.a.x.test")),
    st.sampled_from(("", *PATHS[1:])),
    st.frozensets(st.sampled_from(METHODS)),
)


def matches(route: Route, host: str, path: str, method: str) -> bool:
    """Whether a request matches a route, said in another way."""
    wanted = route.host.split(".")
    labels = host.split(".")
    if route.host.startswith("*."):
        wanted, labels = wanted[1:], labels[1:][-len(wanted) + 1 :]
    segments = [one for one in path.split("/") if one]
    prefix = [one for one in route.path.split("/") if one]
    return (
        (not route.host or wanted == labels)
        and segments[: len(prefix)] == prefix
        and (not route.methods or method in route.methods)
    )


@given(routes, routes)
def test_nothing_gets_through_a_scope_that_does_not_match_it(allowed: Route, asked: Route) -> None:
    if allowed.covers(asked):
        wanted = {one for one in REQUESTS if matches(asked, *one)}
        assert wanted <= {one for one in REQUESTS if matches(allowed, *one)}


@given(routes)
def test_a_route_is_in_its_own_scope_and_in_that_of_all(route: Route) -> None:
    assert route.covers(route)
    assert Route().covers(route)


@pytest.mark.parametrize(
    ("allowed", "asked", "covered"),
    [
        ("shop.test", "shop.test/cart", True),
        ("shop.test/cart", "shop.test/cart/", True),
        ("shop.test/cart", "GET shop.test/cart/1", True),
        ("*.shop.test", "a.shop.test", True),
        ("*.shop.test", "*.a.shop.test", True),
        ("GET,HEAD shop.test", "GET shop.test", True),
        ("shop.test/cart", "shop.test", False),
        ("shop.test/cart", "shop.test/carton", False),
        ("shop.test", "*", False),
        ("shop.test", "*.shop.test", False),
        ("shop.test", "shop.test.evil.test", False),
        ("*.shop.test", "shop.test", False),
        ("*.shop.test", "evilshop.test", False),
        ("GET shop.test", "shop.test", False),
        ("GET shop.test", "GET,POST shop.test", False),
    ],
)
def test_a_route_covers_what_is_no_wider(allowed: str, asked: str, covered: bool) -> None:
    assert Route.parse(allowed).covers(Route.parse(asked)) is covered


SCOPE = Scope(
    frozenset(("shop",)), (Route.parse("shop.test"), Route.parse("/cart")), frozenset((1, 2)), 8
)


def profile(**about: Any) -> Profile:
    good: dict[str, Any] = {
        "routes": (Route.parse("shop.test/x"),),
        "service": "shop",
        "tier": 1,
        "slots": 8,
    }
    return Profile(**{"worker": "w", "acknowledges": True, **good, **about})


def test_who_is_within_the_scope_may_join() -> None:
    Principal("a", scope=SCOPE).check(profile())
    Principal("a").check(profile(service="", routes=(Route(),), tier=9, slots=10_000))


@pytest.mark.parametrize(
    ("field", "about"),
    [
        ("service", {"service": "bank"}),
        ("service", {"service": ""}),
        ("routes", {"routes": (Route(),)}),
        ("routes", {"routes": (Route.parse("shop.test"), Route.parse("bank.test"))}),
        ("tier", {"tier": 0}),
        ("slots", {"slots": 9}),
        ("slots", {"slots": 4, "websocket_slots": 5}),
    ],
)
def test_whatever_is_beyond_the_scope_is_refused_by_its_field(
    field: str, about: dict[str, Any]
) -> None:
    with pytest.raises(
        OutOfScope, match="is not allowed by these credentials; allowed: "
    ) as caught:
        Principal("a", scope=SCOPE).check(profile(**about))
    assert caught.value.field == field


def test_slots_beyond_the_scope_are_told_by_kind() -> None:
    """Most workers want 1000 for WebSockets, of which nobody has thought."""
    with pytest.raises(OutOfScope, match=r"4 and 1000 for WebSockets .* at most 8 in all"):
        Principal("a", scope=SCOPE).check(profile(slots=4, websocket_slots=1000))


def test_only_workers_work_and_nobody_does_who_was_revoked() -> None:
    with pytest.raises(OutOfScope, match="not for workers"):
        Principal("a", frozenset((Right.READ, Right.OPERATE))).check(profile())
    with pytest.raises(OutOfScope, match="revoked"):
        Principal("a", revoked=True).check(profile())


def test_tokens_are_of_one_subject_only_within_an_entry() -> None:
    one, next_ = (Principal(name, entry="a", subject="s") for name in ("a#1", "a#2"))
    assert one.has_subject_of(next_)
    for other in (
        Principal("a#3", entry="a", subject="t"),
        Principal("b#1", entry="b", subject="s"),
        Principal("a"),
    ):
        assert not one.has_subject_of(other)
        assert not other.has_subject_of(one)
    assert not Principal("a").has_subject_of(Principal("a"))
