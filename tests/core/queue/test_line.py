from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.queue.order import Line

ANY = 1_000


def a_line(*items: tuple[str, str, int]) -> Line[str]:
    """Items with their clients and levels, in the order in which they came."""
    line: Line[str] = Line()
    for place, (item, client, level) in enumerate(items):
        line.add(item, client, level, place)
    return line


def test_who_came_first_goes_first_whoever_it_is() -> None:
    line = a_line(("x", "a", 3), ("y", "b", 3), ("z", "a", 3))
    assert list(line) == ["x", "y", "z"]
    assert line.first() == line.next(False, {}, ANY) == "x"
    assert line.next(True, {}, ANY) == "z"


def test_a_lower_level_goes_before_all_that_came_earlier() -> None:
    line = a_line(("w", "a", 7), ("x", "b", 3), ("y", "a", 0), ("z", "b", 3))
    assert list(line) == ["y", "x", "z", "w"]
    assert line.first() == "y"


def test_the_foremost_has_less_than_it_may_and_nobody_is_counted() -> None:
    line = a_line(("w", "a", 0), ("x", "b", 3), ("y", "c", 3))
    assert line.foremost({"a": 2, "b": 1}, 2) == "x"
    assert line.foremost({"a": 2, "b": 2}, 2) == "y"
    assert line.foremost({"a": 2, "b": 2, "c": 3}, 2) == "w", "nobody has"
    assert line.passed_over == 0


def test_who_comes_back_has_its_place_again() -> None:
    line = a_line(("x", "a", 3), ("y", "a", 3))
    assert line.discard("x")
    line.add("x", "a", 3, 0)
    assert list(line) == ["x", "y"]


def test_only_what_is_there_can_be_taken_out() -> None:
    line = a_line(("x", "a", 3))
    assert not line.discard("y")
    assert line.discard("x")
    assert not line.discard("x")
    assert not line


def test_clients_that_hold_as_many_as_they_may_are_passed_over() -> None:
    line = a_line(("w", "a", 3), ("x", "b", 3), ("y", "c", 3), ("z", "c", 3))
    assert line.next(False, {"a": 2, "b": 1}, 2) == "x"
    assert line.next(False, {"a": 2, "b": 2}, 2) == "y"
    assert line.next(True, {"c": 2}, 2) == "x"


def test_a_client_that_is_passed_over_is_so_whatever_its_urgency() -> None:
    line = a_line(("x", "a", 0), ("y", "b", 7))
    assert line.next(False, {"a": 1}, 1) == "y"


def test_if_there_are_no_others_they_go_as_ever() -> None:
    line = a_line(("x", "a", 3), ("y", "b", 3))
    assert line.next(False, {"a": 1, "b": 2}, 1) == "x"
    assert line.next(True, {"a": 1, "b": 2}, 1) == "y"


steps = st.tuples(
    st.integers(0, 9),  # an item
    st.sampled_from("abc"),
    st.integers(0, 2),  # its level
    st.dictionaries(st.sampled_from("abc"), st.integers(1, 3)),  # held
    st.booleans(),  # the newest
)


@given(st.lists(steps))
def test_it_is_a_list_that_is_sorted_and_filtered(
    script: list[tuple[int, str, int, dict[str, int], bool]],
) -> None:
    line: Line[int] = Line()
    plain: list[tuple[int, int, str, int]] = []
    for place, (item, client, level, held, newest) in enumerate(script):
        known = [one for one in plain if one[3] == item]
        assert line.discard(item) is bool(known)
        if known:
            plain.remove(known[0])
        else:
            line.add(item, client, level, place)
            plain.append((level, place, client, item))
        plain.sort()
        assert (list(line), len(line)) == ([one[3] for one in plain], len(plain))
        assert sorted(line.unsorted()) == sorted(line)
        counts = Counter(one[2] for one in plain)
        assert all(line.count(client) == counts[client] for client in "abc")
        if plain:
            turns = [one for one in plain if held.get(one[2], 0) < 2] or plain
            turns = [one for one in turns if one[0] == turns[0][0]]
            assert line.first() == plain[0][3]
            assert line.next(newest, held, 2) == turns[-1 if newest else 0][3]
