"""Of each thing the last word counts, whatever the order in which words come."""

from itertools import permutations
from typing import Any

import pytest

from prack_grpc.core.queue.traffic import Split, Sticky, StickyBy
from prack_grpc.words import word
from prack_grpc.words.table import Table
from prack_grpc.words.word import BadWord, Word

W1 = ("worker", "w1")
WORDS = [
    Word(W1, True, (1, "a")),
    Word(W1, None, (2, "a")),
    Word(W1, True, (2, "b")),
    Word(("version", "shop", "v1"), True, (1, "b")),
]


def test_the_order_in_which_they_come_does_not_matter() -> None:
    for order in permutations(WORDS):
        table = Table(10)
        for one in order:
            table.hear(one)
        assert table.words() == [WORDS[3], WORDS[2]]


def test_what_is_heard_again_changes_nothing() -> None:
    table = Table(10)
    assert table.hear(WORDS[1])
    assert not table.hear(WORDS[1])
    assert not table.hear(WORDS[0])


def test_the_next_word_is_later_than_all_that_were_heard() -> None:
    table = Table(10)
    assert table.next("a") == (1, "a")
    table.hear(Word(W1, None, (7, "b")))
    assert table.next("a") == (8, "a")


def test_of_too_many_what_was_taken_back_is_forgotten_first() -> None:
    table = Table(2)
    table.hear(Word(("worker", "old"), True, (1, "a")))
    table.hear(Word(("worker", "back"), None, (2, "a")))
    table.hear(Word(("worker", "new"), True, (3, "a")))
    assert [one.about[1] for one in table.words()] == ["old", "new"]
    table.hear(Word(("worker", "newer"), True, (4, "a")))
    assert [one.about[1] for one in table.words()] == ["new", "newer"]


@pytest.mark.parametrize(
    "split",
    [
        None,
        Split("shop", (("v2", 1), ("", 9))),
        Split("shop", (("v1", 1),), Sticky(StickyBy.HEADER, "x-user")),
    ],
)
def test_a_split_is_the_same_after_it_was_said(split: Split | None) -> None:
    assert word.split("shop", word.value(split)) == split


BAD_SPLITS: list[Any] = [
    5,
    {},
    {"weights": {"v1": 1}},
    {"weights": {"v1": 0}, "sticky": None},
    {"weights": {"v1": 1}, "sticky": ["moon", "x"]},
]


@pytest.mark.parametrize("said", BAD_SPLITS)
def test_what_divides_nothing_is_refused(said: Any) -> None:
    with pytest.raises(BadWord, match="divides no traffic"):
        word.split("shop", said)


@pytest.mark.parametrize("value", [None, [], [W1, True], [W1, True, 5], [W1, True, ["x", "a"]]])
def test_what_is_no_word_is_refused(value: Any) -> None:
    with pytest.raises(BadWord, match="expected"):
        word.parsed(value)


def test_a_word_is_the_same_as_json() -> None:
    assert word.parsed([["worker", "w1"], True, [2, "b"]]) == WORDS[2]
