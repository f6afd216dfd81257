import pytest

from prack_grpc.core.limits import MAX_BY_ROUTE
from prack_grpc.core.queue.by_route import ByRoute, parse
from prack_grpc.core.queue.routes import DEFAULT, Route
from tests.core.building import a_request


def test_of_routes_that_match_the_most_specific_counts() -> None:
    values = ByRoute(parse("1; /a = 2; shop.test = 3; POST shop.test/a/b=4", "number", int))
    targets = [(b"/", b"x.test"), (b"/a/b", b"x.test"), (b"/a/b", b"shop.test")]
    assert [values.get(a_request(target=one, host=host)) for one, host in targets] == [1, 2, 3]
    assert values.get(a_request(b"POST", b"/a/b/c")) == 4


def test_what_has_no_value_has_none() -> None:
    assert ByRoute({Route(path="/a"): 0}).get(a_request()) is None
    assert ByRoute({Route(path="/a"): 0}).get(a_request(target=b"/a")) == 0


def test_values_are_read_by_route() -> None:
    assert parse(" 1 ;; /a=b = 2", "number", int) == {DEFAULT: 1, Route(path="/a=b"): 2}
    assert parse("", "number", int) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b/c d = 1", "expected ROUTE = NUMBER, not 'a b/c d = 1'"),
        ("/a = 1; /a/ = 2", "expected one number for each route, [*]/a has two"),
        ("1; 2", "expected one number for each route, [*]/ has two"),
        ("/a = x", "invalid literal"),
        ("1; /a 2", "invalid literal"),
        (";".join(f"/{one} = 1" for one in range(MAX_BY_ROUTE + 1)), "expected at most 16 numbers"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(text, "number", int)
