"""What operators say here and elsewhere, in effect on a broker."""

import logging
from typing import Any

import pytest

from prack_grpc.broker.memory import MemoryBroker
from prack_grpc.core.limits import Limits
from prack_grpc.core.queue.traffic import Split
from prack_grpc.neighbours.neighbours import Cluster
from prack_grpc.private.operators.steering import Steering, meshed
from prack_grpc.words.word import BadWord, Word

SPLIT = Split("shop", (("v1", 1), ("v2", 1)))


@pytest.fixture
async def broker() -> MemoryBroker:
    return MemoryBroker(Limits())


@pytest.fixture
def steering(broker: MemoryBroker) -> Steering:
    return meshed(broker, Cluster("1a2b3c4d"), 100)


async def test_each_word_is_later_than_all_that_are_known(steering: Steering) -> None:
    steering.hear(Word(("worker", "w1"), True, (7, "z")))
    assert await steering.pause("w2", True, None) == (8, "1a2b3c4d")
    assert await steering.divide("shop", SPLIT, None) == (9, "1a2b3c4d")


async def test_what_another_gateway_has_said_keeps_its_revision(
    broker: MemoryBroker, steering: Steering
) -> None:
    assert await steering.pause("w1", True, (3, "b")) == (3, "b")
    assert await steering.pause("w1", False, (2, "c")) == (2, "c")
    assert broker.status().paused == ["w1"]


async def test_a_change_is_told_once(steering: Steering) -> None:
    told: list[int] = []
    steering.changed.append(lambda: told.append(len(steering.known())))
    word = Word(("worker", "w1"), True, (1, "b"))
    for one in (word, word, Word(("worker", "w1"), None, (0, "b"))):
        steering.hear(one)
    await steering.divide("shop", SPLIT, None)
    assert told == [1, 2]


UNKNOWN: list[Any] = [
    Word(("moon", "w1"), True, (1, "b")),
    Word(("worker",), True, (1, "b")),
    Word((), True, (1, "b")),
    Word(("traffic", "shop"), {"weights": 5}, (1, "b")),
]


@pytest.mark.parametrize("word", UNKNOWN)
async def test_what_is_not_understood_is_ignored(
    steering: Steering, word: Word, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BadWord):
        steering.hear(word)
    with caplog.at_level(logging.WARNING):
        steering.heed(word)
    assert [vars(record)["action"] for record in caplog.records] == ["word_ignored"]
    assert steering.known() == []
