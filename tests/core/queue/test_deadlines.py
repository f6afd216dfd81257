import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prack_grpc.core.queue.order import NEVER, Deadlines


@dataclass(eq=False)
class Item:
    slice: int = NEVER


TICK = 0.05
times = st.floats(0, 1e6, allow_nan=False)


@pytest.fixture
def deadlines() -> Deadlines[Item]:
    return Deadlines(TICK)


def test_nothing_is_due_at_first(deadlines: Deadlines[Item]) -> None:
    assert deadlines.next() is None
    assert deadlines.due(1e9) == []


@given(times)
def test_an_item_falls_due_after_its_time_and_within_a_tick(when: float) -> None:
    deadlines: Deadlines[Item] = Deadlines(TICK)
    item = Item()
    deadlines.set(item, when)
    due_at = deadlines.next()
    assert due_at is not None
    assert when - 1e-9 <= due_at <= when + TICK + 1e-9
    assert deadlines.due(due_at - TICK / 2) == []
    assert deadlines.due(due_at) == [item]


@given(st.lists(times, min_size=1, max_size=30))
def test_items_fall_due_in_the_order_of_their_slices(whens: list[float]) -> None:
    deadlines: Deadlines[Item] = Deadlines(TICK)
    items = {Item(): when for when in whens}
    for item, when in items.items():
        deadlines.set(item, when)
    due = [items[item] for item in deadlines.due(2e6)]
    assert sorted(due) == sorted(whens)
    assert all(later > earlier - TICK for earlier, later in itertools.pairwise(due))


def test_an_item_that_fell_due_is_gone(deadlines: Deadlines[Item]) -> None:
    item = Item()
    deadlines.set(item, 1.0)
    deadlines.due(2.0)
    assert item.slice == NEVER
    assert deadlines.due(2.0) == []
    assert deadlines.next() is None


@pytest.mark.parametrize("second", [0.5, 1.0, 9.0])
def test_a_second_deadline_replaces_the_first(deadlines: Deadlines[Item], second: float) -> None:
    item = Item()
    deadlines.set(item, 1.0)
    deadlines.set(item, second)
    assert deadlines.due(20.0) == [item]
    assert deadlines.due(20.0) == []


def test_a_deadline_moved_later_does_not_fall_due_at_its_old_time(
    deadlines: Deadlines[Item],
) -> None:
    item = Item()
    deadlines.set(item, 1.0)
    deadlines.set(item, 3.0)
    assert deadlines.due(2.0) == []
    assert deadlines.due(4.0) == [item]


def test_a_cleared_item_never_falls_due(deadlines: Deadlines[Item]) -> None:
    item, other = Item(), Item()
    deadlines.set(item, 1.0)
    deadlines.set(other, 2.0)
    deadlines.clear(item)
    deadlines.clear(item)
    assert deadlines.due(3.0) == [other]


def test_next_skips_slices_that_were_emptied(deadlines: Deadlines[Item]) -> None:
    first, second = Item(), Item()
    deadlines.set(first, 1.0)
    deadlines.set(second, 7.0)
    deadlines.clear(first)
    assert deadlines.next() == pytest.approx(7.0 + TICK)
    deadlines.clear(second)
    assert deadlines.next() is None


def test_an_emptied_slice_can_be_used_again(deadlines: Deadlines[Item]) -> None:
    item = Item()
    for _ in range(3):
        deadlines.set(item, 1.0)
        deadlines.clear(item)
    deadlines.set(item, 1.0)
    assert deadlines.due(2.0) == [item]


def test_a_time_that_has_passed_falls_due_at_once(deadlines: Deadlines[Item]) -> None:
    item = Item()
    deadlines.set(item, 1.0)
    assert deadlines.due(100.0) == [item]
    deadlines.set(item, 1.0)
    assert deadlines.due(100.0) == [item]
