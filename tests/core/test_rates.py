import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core import errors
from prack_grpc.core.errors import GatewayError
from prack_grpc.core.limits import MAX_BY_ROUTE
from prack_grpc.core.queue.routes import DEFAULT, Route
from prack_grpc.core.rates import Buckets, Rate, RateLimits, parse
from tests.core.building import a_request

NOW = 1_000_000.0
rates = st.builds(Rate, st.sampled_from([1 / 60, 0.5, 1.0, 7.0, 100.0, 3000.0]), st.integers(1, 50))
# Between two requests, as parts of the time in which a token comes.
gaps = st.lists(st.floats(0, 3) | st.just(0.0), min_size=1, max_size=200)


def taken(buckets: Buckets, client: str, times: int, now: float = NOW) -> int:
    """How many tokens this client gets when it asks so often at once."""
    return sum(buckets.take(client, now) == 0 for _ in range(times))


# ---------------------------------------------------------------- one bucket


@given(rates, gaps)
def test_no_span_of_time_has_more_than_the_burst_and_the_rate(
    rate: Rate, gaps: list[float]
) -> None:
    buckets, now, accepted = Buckets(rate, 10), NOW, []
    for gap in gaps:
        now += gap / rate.per_second
        if not buckets.take("a", now):
            accepted.append(now)
    for (i, first), (j, last) in itertools.combinations(enumerate(accepted), 2):
        assert j - i + 1 <= rate.burst + (last - first) * rate.per_second + 0.01


@given(rates, gaps)
def test_who_is_refused_is_told_when_there_is_a_token(rate: Rate, gaps: list[float]) -> None:
    buckets, now = Buckets(rate, 10), NOW
    for gap in gaps:
        now += gap / rate.per_second
        if wait := buckets.take("a", now):
            assert 0 < wait <= 1 / rate.per_second * 1.001
            assert buckets.take("a", now + wait / 2) > 0
            now += wait
            assert buckets.take("a", now) == 0


@given(rates, st.floats(0, 1e7))
def test_a_full_bucket_has_the_burst_however_late(rate: Rate, now: float) -> None:
    buckets = Buckets(rate, 10)
    assert taken(buckets, "a", rate.burst + 3, now) == rate.burst
    full = now + rate.burst / rate.per_second
    assert taken(buckets, "a", rate.burst + 3, full) == rate.burst


def test_clients_have_buckets_of_their_own() -> None:
    buckets = Buckets(Rate(1.0, 2), 10)
    assert taken(buckets, "a", 5) == 2
    assert taken(buckets, "b", 5) == 2


# ---------------------------------------------------------------- many clients


def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = Buckets(Rate(1.0, 2), 100)
    for number in range(50):
        buckets.take(str(number), NOW)
    taken(buckets, "busy", 2)
    assert len(buckets) == 51
    buckets.take("later", NOW + 1.5)
    assert len(buckets) == 2  # the busy one, and who came last


def test_a_crowd_of_addresses_makes_room_among_itself() -> None:
    """30,000 addresses, three times as many as are remembered, free nobody from its limit."""
    buckets, known = Buckets(Rate(1 / 60, 5), 10_000), [f"known {n}" for n in range(100)]
    for client in known:
        assert taken(buckets, client, 5) == 5
    for number in range(30_000):
        assert buckets.take(str(number), NOW) == 0
        assert len(buckets) <= 10_000
    assert all(buckets.take(client, NOW) > 0 for client in known)
    assert taken(buckets, "rightful", 9) == 5
    assert taken(buckets, "0", 9) == 5  # what is lost by it: one of the crowd has a burst again


def test_a_table_of_those_at_their_limit_lets_others_in() -> None:
    buckets, crowd = Buckets(Rate(1.0, 5), 50), [f"crowd {n}" for n in range(50)]
    for client in crowd:
        assert taken(buckets, client, 5) == 5
    assert taken(buckets, "rightful", 9) == 5
    # Two of the crowd contend for the place that is not taken.
    assert sum(buckets.take(client, NOW) > 0 for client in crowd) == 48
    assert len(buckets) == 50


# ---------------------------------------------------------------- by route


def accepted(limits: RateLimits, method: bytes, target: bytes, client: str = "a") -> bool:
    """Whether this request of this client is."""
    try:
        limits.ask(client, a_request(method, target), NOW)
    except GatewayError:
        return False
    return True


def test_the_most_specific_route_counts_and_no_other() -> None:
    limits = RateLimits(parse("3/m; POST /login = 1/m; shop.test/static = 2/m"), 10)
    assert [accepted(limits, b"POST", b"/login?next=1") for _ in range(3)] == [True, False, False]
    assert [accepted(limits, b"GET", b"/static/a.css") for _ in range(3)] == [True, True, False]
    assert [accepted(limits, b"GET", b"/login") for _ in range(4)] == [True, True, True, False]
    assert accepted(limits, b"POST", b"/login", "another client")


def test_a_route_without_a_rate_is_not_limited() -> None:
    limits = RateLimits(parse("/login = 1/m"), 10)
    assert all(accepted(limits, b"GET", b"/") for _ in range(100))


def test_a_refusal_says_when_and_by_which_policy() -> None:
    limits = RateLimits(parse("30/m burst 2"), 10)
    assert accepted(limits, b"GET", b"/")
    assert accepted(limits, b"GET", b"/")
    with pytest.raises(GatewayError) as refused:
        limits.ask("a", a_request(), NOW + 0.5)
    assert refused.value.kind is errors.RATE_LIMITED
    assert refused.value.retry_after == 2  # the token comes in 1.5 s
    assert refused.value.fields == (
        (b"ratelimit-policy", b'"client";q=2;w=4'),
        (b"ratelimit", b'"client";r=0;t=2'),
    )


# ---------------------------------------------------------------- as people write them


def test_rates_are_read() -> None:
    text = " 100/s burst 200 ;POST,PUT shop.test/login=5/m; /a=b = 1/s burst 3;"
    assert parse(text) == {
        DEFAULT: Rate(100.0, 200),
        Route("shop.test", "/login", frozenset(("POST", "PUT"))): Rate(5 / 60, 5),
        Route(path="/a=b"): Rate(1.0, 3),
    }


@pytest.mark.parametrize(
    "text",
    [
        *("100", "100/h", "0/s", "-1/s", "1.5/s", "1/s burst", "1/s burst 0", "1000000/s"),
        *("1/s; 2/s", "/a = 1/s; /a/ = 2/s", "/a", "a b/c d = 1/s", "ü.test = 1/s", "1/s, 2/s"),
        ";".join(f"/{number} = 1/s" for number in range(MAX_BY_ROUTE + 1)),
    ],
)
def test_what_is_no_rate_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse(text)


def test_the_parts_of_a_rate_are_no_more_than_it_in_the_long_run() -> None:
    whole = Rate.parse("100/s burst 200")
    part = whole.divided(4)
    assert (4 * part.per_second, part.burst) == (whole.per_second, whole.burst)
