import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.errors import BadRoute
from prack_grpc.core.http.message import Kind
from prack_grpc.core.queue.lane import Lane
from prack_grpc.core.queue.routes import DEFAULT, MAX_SEGMENTS, Route
from prack_grpc.core.queue.table import Newcomers, RouteTable


def a_table(*routes: str) -> RouteTable[str, str]:
    table: RouteTable[str, str] = RouteTable(Kind.HTTP, 0.0)
    for text in routes:
        table.add(Route.parse(text), 0.0)
    return table


def found(table: RouteTable[str, str], target: str, method: str = "GET") -> str:
    host, slash, path = target.partition("/")
    return str(table.find(host.encode(), (slash + path).encode(), method.encode()).route)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("text", "host", "path", "methods"),
    [
        ("*", "", "", ()),
        ("", "", "", ()),
        ("/", "", "", ()),
        ("*/", "", "", ()),
        ("/cart", "", "/cart", ()),
        ("/cart/", "", "/cart", ()),
        ("/cart/*", "", "/cart", ()),
        ("shop.test/*", "shop.test", "", ()),
        ("*/*", "", "", ()),
        ("Shop.Example.COM", "shop.example.com", "", ()),
        ("shop.example.com/", "shop.example.com", "", ()),
        ("*.example.com/a/b", "*.example.com", "/a/b", ()),
        ("[::1]/a", "[::1]", "/a", ()),
        ("GET /cart", "", "/cart", ("GET",)),
        ("GET,POST *", "", "", ("GET", "POST")),
        ("  GET, POST shop.test/cart ", "shop.test", "/cart", ("GET", "POST")),
        ("PROPFIND /dav", "", "/dav", ("PROPFIND",)),
    ],
)
def test_a_route_is_read(text: str, host: str, path: str, methods: tuple[str, ...]) -> None:
    assert Route.parse(text) == Route(host, path, frozenset(methods))


@pytest.mark.parametrize("text", ["/", "*/cart", "GET,POST *.shop.test/a/b", "[::1]/a"])
def test_a_route_reads_back_what_it_writes(text: str) -> None:
    route = Route.parse(text)
    assert Route.parse(str(route)) == route


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sh*p.test", "host"),
        ("*.*.test", "host"),
        ("shop.test:80", "host"),
        ("user@shop.test", "host"),
        ("caf\u00e9.test", "host"),
        ("/caf\u00e9", "path"),
        ("/a\x00", "path"),
        ("/cart*", "path"),
        ("/a/*/b", "path"),
        ("/*/*", "path"),
        ("/a" * (MAX_SEGMENTS + 1), "path"),
        ("GE(T /a", "method"),
    ],
)
def test_what_is_no_route_is_refused_with_the_part_that_is_wrong(text: str, part: str) -> None:
    with pytest.raises(BadRoute, match=f"^{part} "):
        Route.parse(text)


# ---------------------------------------------------------------- finding


@pytest.mark.parametrize("target", ["/", "shop.test/a/b", "[::1]:80/", "/%00//..", ""])
def test_the_default_route_takes_everything(target: str) -> None:
    assert found(a_table(), target) == "*/"


HOSTS = a_table("shop.test", "*.shop.test", "*.a.shop.test", "*.test", "[::1]")


@pytest.mark.parametrize(
    ("host", "route"),
    [
        ("shop.test", "shop.test/"),
        ("SHOP.test", "shop.test/"),
        ("shop.test.", "shop.test/"),
        ("shop.test:8080", "shop.test/"),
        ("a.shop.test", "*.shop.test/"),
        ("b.a.shop.test", "*.a.shop.test/"),
        ("c.b.a.shop.test", "*.a.shop.test/"),
        ("other.test", "*.test/"),
        ("test", "*/"),
        ("xshop.test.example", "*/"),
        ("[::1]:8080", "[::1]/"),
        ("[::2]", "*/"),
        ("", "*/"),
    ],
)
def test_an_exact_host_goes_before_the_longest_wildcard_before_any(host: str, route: str) -> None:
    assert found(HOSTS, host + "/x") == route


def test_a_host_of_many_labels_is_matched_whole_or_by_its_end() -> None:
    long = ".".join(["x"] * 60)
    assert found(a_table(long, "*.x.x"), long) == f"{long}/"
    assert found(a_table(long.removeprefix("x."), "*.x.x"), long) == "*.x.x/"


PATHS = a_table("/a", "/a/b", "/a/b/c/d")


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "*/"),
        ("/a", "*/a"),
        ("/a/", "*/a"),
        ("/ab", "*/"),
        ("/a/b", "*/a/b"),
        ("/a/bc", "*/a"),
        ("/a/b/c", "*/a/b"),
        ("/a/b/c/d/e", "*/a/b/c/d"),
        ("/A", "*/"),
        ("//a", "*/"),
        ("/%61", "*/"),
        ("*", "*/"),
        ("/a" + "/x" * 5000, "*/a"),
    ],
)
def test_the_longest_prefix_in_whole_segments_wins(path: str, route: str) -> None:
    assert str(PATHS.find(b"shop.test", path.encode(), b"GET").route) == route


def test_the_host_weighs_more_than_the_path_and_the_path_more_than_the_method() -> None:
    table = a_table("shop.test", "/a/b", "GET /a", "GET *")
    assert found(table, "shop.test/a/b") == "shop.test/"
    assert found(table, "other.test/a/b") == "*/a/b"
    assert found(table, "other.test/a/x") == "GET */a"
    assert found(table, "other.test/a/x", "POST") == "*/"
    assert found(table, "other.test/x") == "GET */"


def test_a_route_that_names_the_method_goes_before_one_that_takes_all() -> None:
    table = a_table("/a", "GET,HEAD /a", "POST /a")
    assert found(table, "/a") == "GET,HEAD */a"
    assert found(table, "/a", "POST") == "POST */a"
    assert found(table, "/a", "PUT") == "*/a"
    assert found(table, "/a", "get") == "*/a"


def test_a_host_that_has_no_route_for_the_path_leaves_it_to_a_more_general_host() -> None:
    table = a_table("shop.test/cart", "*.test/cart/x", "/other")
    assert found(table, "shop.test/cart/x") == "shop.test/cart"
    assert found(table, "www.test/cart/x") == "*.test/cart/x"
    assert found(table, "shop.test/other") == "*/other"


# ---------------------------------------------------------------- new ones

PARTS = st.sampled_from(["a", "b", "c"])
HOST_NAMES = st.lists(PARTS, min_size=1, max_size=3).map(".".join)
ROUTE_HOSTS = st.one_of(st.just(""), HOST_NAMES, HOST_NAMES.map("*.{}".format), st.just("[::1]"))
PATH_NAMES = st.lists(PARTS, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
ROUTES = st.builds(
    Route, ROUTE_HOSTS, PATH_NAMES, st.sampled_from([frozenset(), frozenset(["GET"])])
)
AUTHORITIES = st.builds(
    "{}{}".format,
    st.one_of(HOST_NAMES, HOST_NAMES.map(str.upper), st.just("[::1]")),
    st.sampled_from(["", ".", ":80", ".:80"]),
)


@given(st.sets(ROUTES), st.sets(ROUTES, min_size=1, max_size=3), AUTHORITIES, PATH_NAMES)
def test_what_new_routes_take_is_of_their_hosts_and_paths(
    old: set[Route], new: set[Route], authority: str, path: str
) -> None:
    table, request = a_table(), (authority.encode(), f"{path}/".encode(), b"GET")
    for route in old - {DEFAULT}:
        table.add(route, 0.0)
    before = table.find(*request)
    for route in new - old - {DEFAULT}:
        table.add(route, 0.0)
    newcomers = Newcomers(new)
    if table.find(*request) is not before:
        assert before.route.host in newcomers.hosts
        assert newcomers.may_take(*request[:2])


@pytest.mark.parametrize(
    ("route", "hosts"),
    [
        ("a.shop.test", {"a.shop.test", "*.shop.test", "*.test", ""}),
        ("*.shop.test/x", {"*.shop.test", "*.test", ""}),
        ("/x", {""}),
    ],
)
def test_what_a_new_route_takes_has_waited_for_its_host_or_a_more_general_one(
    route: str, hosts: set[str]
) -> None:
    assert Newcomers([Route.parse(route)]).hosts == hosts


def test_what_is_of_another_host_or_path_is_not_taken_by_a_new_route() -> None:
    new = Newcomers([Route.parse("shop.test/a"), Route.parse("*.test/b")])
    taken = [
        (authority, path)
        for authority in (b"shop.test", b"x.test", b"shop.example")
        for path in (b"/a/x", b"/b", b"/c")
        if new.may_take(authority, path)
    ]
    assert taken == [(b"shop.test", b"/a/x"), (b"shop.test", b"/b"), (b"x.test", b"/b")]


# ---------------------------------------------------------------- the table


def test_a_lane_is_kept_under_its_route() -> None:
    table = a_table("/a")
    lane = table.get(Route("", "/a"))
    assert isinstance(lane, Lane)
    assert table.get(Route("", "/b")) is None
    assert {str(lane.route) for lane in table.lanes()} == {"*/", "*/a"}
    assert len(table) == 2


def test_a_removed_lane_leaves_no_trace() -> None:
    routes = ["shop.test/a", "GET shop.test/a", "shop.test", "/a"]
    table = a_table(*routes)
    for text in routes:
        lane = table.get(Route.parse(text))
        assert lane is not None
        table.remove(lane)
        assert found(table, "shop.test/a") != str(lane.route)
    assert [lane.route for lane in table.lanes()] == [DEFAULT]
    assert found(table, "shop.test/a") == "*/"
