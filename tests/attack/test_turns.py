"""How long the turns of a gateway's loop are."""

from collections import Counter

from attack.turns import Turns, told
from tests.acceptance.processes import Gateway


def test_a_gateway_tells_of_its_turns_since_it_was_asked_last() -> None:
    gateway = Gateway(program="attack.gateway")
    try:
        assert told(gateway)  # those of its start
        while not (counts := told(gateway)):
            pass  # less than a millisecond has passed
        assert Turns(counts).longest < 1.0
    finally:
        gateway.kill()


def test_one_turn_in_a_hundred_may_be_longer_than_said() -> None:
    turns = Turns(Counter({1: 98, 50: 2}))
    assert (turns.p99, turns.longest) == (0.005, 0.005)
    assert Turns(Counter({1: 99, 50: 1})).p99 == 0.005
    assert Turns(Counter({1: 199, 50: 1})).p99 == 0.0001
