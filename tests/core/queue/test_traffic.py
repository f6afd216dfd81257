from collections import Counter

import pytest

from prack_grpc.core.errors import BadSplit
from prack_grpc.core.http.message import Headers
from prack_grpc.core.queue.traffic import MAX_VERSIONS, MAX_WEIGHT, Pool, Split, Sticky, StickyBy
from tests.core.building import a_request

BY_USER = Sticky(StickyBy.HEADER, "User")
BY_COOKIE = Sticky(StickyBy.COOKIE, "user")
USERS = [b"user-%d" % number for number in range(1000)]
ALL = [("web", f"v{number}") for number in range(5)]


def a_split(sticky: Sticky | None = None, **weights: int) -> Split:
    return Split("web", tuple(weights.items()), sticky)


def turns(split: Split, count: int, live: list[Pool] = ALL, first: int = 1) -> Counter[str]:
    """How many of so many requests each version gets."""
    request = a_request()
    chosen = [split.choose(request, first + number, live) for number in range(count)]
    assert {service for service, _ in chosen} <= {"web"}
    return Counter(version for _, version in chosen)


def version_of(split: Split, user: bytes, live: list[Pool] = ALL) -> str:
    """The version that a client is given."""
    return split.choose(a_request(headers=[(b"user", user)]), 1, live)[1]


# ---------------------------------------------------------------- weights


@pytest.mark.parametrize("weights", [{"v1": 1}, {"v1": 50, "v2": 50}, {"v1": 1, "v2": 2, "v3": 7}])
@pytest.mark.parametrize("first", [1, 1234, 10**9])
def test_each_version_gets_what_its_weight_says(weights: dict[str, int], first: int) -> None:
    split, total = Split("web", tuple(weights.items())), sum(weights.values())
    found = turns(split, 1000, first=first)
    for version, weight in weights.items():
        assert abs(found[version] - 1000 * weight / total) <= 5


def test_a_small_weight_does_not_wait_long_for_its_turn() -> None:
    split = a_split(v1=90, v2=10)
    assert all(1 <= turns(split, 20, first=first)["v2"] <= 4 for first in range(500))


def test_a_weight_of_nothing_gets_nothing() -> None:
    assert turns(a_split(v1=0, v2=1), 100) == {"v2": 100}


def test_the_largest_weights_are_exact_enough() -> None:
    found = turns(a_split(v1=MAX_WEIGHT, v2=MAX_WEIGHT), 1000)
    assert abs(found["v1"] - 500) <= 5


# ---------------------------------------------------------------- who is there


def test_weights_of_versions_without_workers_count_for_nothing() -> None:
    split = a_split(v1=10, v2=20, v3=30)
    found = turns(split, 900, [("web", "v1"), ("web", "v2")])
    assert abs(found["v1"] - 300) <= 5
    assert found["v1"] + found["v2"] == 900


@pytest.mark.parametrize("live", [[], [("web", "v9")], [("shop", "v1")]])
def test_if_no_version_has_workers_all_of_them_get_requests(live: list[Pool]) -> None:
    assert turns(a_split(v1=1, v2=1, v3=0), 100, live).keys() == {"v1", "v2"}


# ---------------------------------------------------------------- who keeps whom


@pytest.mark.parametrize(
    ("sticky", "headers", "value"),
    [
        (BY_USER, [(b"user", b"ann")], b"ann"),
        (BY_USER, [(b"user", b"ann"), (b"user", b"bob")], b"ann"),
        (BY_USER, [], b""),
        (BY_USER, [(b"cookie", b"user=ann")], b""),
        (BY_COOKIE, [(b"cookie", b"user=ann")], b"ann"),
        (BY_COOKIE, [(b"cookie", b"a=1; user=ann;b=2")], b"ann"),
        (BY_COOKIE, [(b"cookie", b"a=1"), (b"cookie", b"user=ann")], b"ann"),
        (BY_COOKIE, [(b"cookie", b"user=a=b==")], b"a=b=="),
        (BY_COOKIE, [(b"cookie", b"xuser=bob; user=ann; user=bob")], b"ann"),
        (BY_COOKIE, [(b"cookie", b"User=ann")], b""),
        (BY_COOKIE, [(b"cookie", b"user")], b""),
        (BY_COOKIE, [(b"cookie", b";;=;")], b""),
        (BY_COOKIE, [(b"user", b"ann")], b""),
        (BY_COOKIE, [], b""),
    ],
)
def test_the_value_that_keeps_a_client(sticky: Sticky, headers: Headers, value: bytes) -> None:
    assert sticky.value(a_request(headers=headers)) == value


def test_a_client_stays_with_its_version() -> None:
    split = a_split(BY_USER, v1=1, v2=1)
    request = a_request(headers=[(b"user", b"ann")])
    assert len({split.choose(request, number, ALL) for number in range(100)}) == 1


def test_clients_are_divided_by_weight() -> None:
    found = Counter(version_of(a_split(BY_USER, v1=1, v2=3), user) for user in USERS)
    assert abs(found["v2"] - 750) <= 50


def test_clients_without_a_value_are_divided_by_turns() -> None:
    assert abs(turns(a_split(BY_USER, v1=1, v2=1), 100)["v1"] - 50) <= 2


def test_the_first_version_keeps_its_clients_as_it_grows() -> None:
    kept: set[bytes] = set()
    for percent in (0, 1, 10, 50, 99, 100):
        split = a_split(BY_USER, v2=percent, v1=100 - percent)
        now = {user for user in USERS if version_of(split, user) == "v2"}
        assert kept <= now
        kept = now
    assert kept == set(USERS)


def test_clients_of_a_version_that_stays_are_not_moved_when_another_ends() -> None:
    split = a_split(BY_USER, v1=1, v2=1)
    alone = {version_of(split, user, [("web", "v1")]) for user in USERS}
    assert alone == {"v1"}


# ---------------------------------------------------------------- what is no split


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((), "at least one"),
        ((("v1", 0),), "at least one"),
        ((("v1", -1), ("v2", 1)), "whole numbers"),
        ((("v1", MAX_WEIGHT + 1),), "whole numbers"),
        ((("v1", 1), ("v1", 2)), "each only once"),
        (tuple((f"v{number}", 1) for number in range(MAX_VERSIONS + 1)), "at most"),
    ],
)
def test_what_is_no_split_is_refused(weights: tuple[tuple[str, int], ...], message: str) -> None:
    with pytest.raises(BadSplit, match=message):
        Split("web", weights)
