import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.queue import order
from prack_grpc.core.queue.order import Levels


def a_line(*items: tuple[str, int]) -> Levels[str]:
    line: Levels[str] = Levels()
    for item, level in items:
        line.add(item, level)
    return line


def test_within_a_level_who_came_first_goes_first() -> None:
    line = a_line(("a", 3), ("b", 3), ("c", 3))
    assert list(line) == ["a", "b", "c"]
    assert line.first() == "a"


def test_a_lower_level_goes_before_all_that_came_earlier() -> None:
    line = a_line(("a", 7), ("b", 3), ("c", 0), ("d", 3))
    assert list(line) == ["c", "b", "d", "a"]
    assert line.first() == "c"


def test_a_level_that_is_empty_again_holds_up_no_other() -> None:
    line = a_line(("a", 0), ("b", 5), ("c", 5))
    line.discard("a", 0)
    assert line.first() == "b"
    line.add("d", 0)
    assert line.first() == "d"


def test_who_is_there_already_moves_to_the_end() -> None:
    line = a_line(("a", 3), ("b", 3))
    line.add("a", 3)
    assert list(line) == ["b", "a"]
    assert len(line) == 2


def test_only_what_is_there_can_be_taken_out() -> None:
    line = a_line(("a", 3))
    assert not line.discard("a", 0)
    assert not line.discard("b", 3)
    assert len(line) == 1
    assert line.discard("a", 3)
    assert not line


steps = st.tuples(st.sampled_from(["add", "discard"]), st.integers(0, 5), st.integers(0, 2))


@given(st.lists(steps))
def test_it_is_a_list_that_is_sorted_by_level(script: list[tuple[str, int, int]]) -> None:
    line: Levels[tuple[int, int]] = Levels()
    plain: list[tuple[int, int]] = []
    for step, name, level in script:
        item = (name, level)
        known = item in plain
        if known:
            plain.remove(item)
        if step == "discard":
            assert line.discard(item, level) is known
        else:
            line.add(item, level)
            plain.append(item)
        order = sorted(plain, key=lambda one: one[1])
        assert (list(line), len(line)) == (order, len(order))
        if order:
            assert line.first() == order[0]


def lines_run(act: Callable[[], object]) -> int:
    """The number of its lines that are executed."""
    count, before = 0, sys.gettrace()

    def trace(frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "line" and frame.f_code.co_filename == order.__file__
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


STEPS: dict[str, Callable[[Levels[int]], object]] = {
    "add": lambda line: line.add(-1, 1),
    "add to a new level": lambda line: line.add(-1, 2),
    "move": lambda line: line.add(3, 1),
    "discard": lambda line: line.discard(3, 1),
    "first": lambda line: line.first(),
    "length": len,
}


@pytest.mark.parametrize("step", STEPS)
def test_no_step_costs_more_for_a_longer_line(step: str) -> None:
    costs = set()
    for size in (5, 5000):
        line: Levels[int] = Levels()
        for item in range(size):
            line.add(item, 1)
        costs.add(lines_run(partial(STEPS[step], line)))
    assert len(costs) == 1
